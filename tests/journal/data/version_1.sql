-- A journal as version 1 made it; it is never made anew.
PRAGMA application_id = 1313092183;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        moment REAL NOT NULL,
        watch TEXT NOT NULL,
        sequence TEXT NOT NULL,
        event TEXT NOT NULL,
        reason TEXT NOT NULL
    );
INSERT INTO "event" VALUES(4,3.0,'scope','run','published','why');
CREATE TABLE frame (
        id INTEGER PRIMARY KEY,
        sequence_id INTEGER NOT NULL REFERENCES sequence (id) ON DELETE CASCADE,
        t TEXT NOT NULL,
        p TEXT NOT NULL,
        z TEXT NOT NULL,
        c TEXT NOT NULL,
        path BLOB NOT NULL,
        size NOT NULL,
        mtime_ns NOT NULL,
        ctime_ns NOT NULL,
        inode NOT NULL,
        device NOT NULL,
        state TEXT NOT NULL,
        UNIQUE (path, sequence_id)
    );
INSERT INTO "frame" VALUES(1,1,'0','','','',X'2F646174612F72756E2F696D675F3030303030302E746966',2048,1700000000000000000,1700000000000000001,5000,2049,'ready');
INSERT INTO "frame" VALUES(2,1,'1','','','',X'2F646174612FFF2E746966',2048,1700000000000000001,1700000000000000002,'18446744073709551615',2049,'double');
CREATE TABLE heartbeat (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        pid INTEGER NOT NULL,
        version TEXT NOT NULL,
        started REAL NOT NULL,
        turned REAL NOT NULL,
        text TEXT NOT NULL
    );
INSERT INTO "heartbeat" VALUES(1,7,'0.1',1.0,2.0,'idle');
CREATE TABLE sequence (
        id INTEGER PRIMARY KEY,
        watch TEXT NOT NULL,
        key TEXT NOT NULL,
        title TEXT NOT NULL,
        layout TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        found INTEGER NOT NULL,
        expected INTEGER,
        missing TEXT NOT NULL,
        outputs TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_try REAL,
        changed REAL NOT NULL,
        UNIQUE (watch, key)
    );
INSERT INTO "sequence" VALUES(1,'scope','[["name","run"]]','run','c0ffee','converting','',2,2,'[]','["/out/run.nd2"]',0,NULL,1000.0);
INSERT INTO "sequence" VALUES(2,'scope','[["name","\udcff"]]',X'EDB3BF','c0ffee','held','',0,NULL,'["t 2"]','[]',0,NULL,1000.0);
CREATE UNIQUE INDEX frame_place ON frame (sequence_id, t, p, z, c) WHERE state = 'ready'
    ;
CREATE INDEX frame_sequence ON frame (sequence_id)
    ;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('event',4);
COMMIT;
