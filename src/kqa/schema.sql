-- One index in one database, all of it in the schema kqa: plain tables, written ahead and replicated like any other.
-- {dimensions} is the encoder's. A passage's number is its document's × 2^20 + its place there.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA kqa;

-- What is in force: one row.
CREATE TABLE kqa.state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    format integer NOT NULL,
    generation bigint NOT NULL,          -- counts builds that changed something
    manifest text NOT NULL,              -- SHA-256 of the facts, the settings and the documents' hashes
    facts text NOT NULL,                 -- JSON, as in a folder's manifest.json
    config text NOT NULL,                -- JSON, as in a folder's config.json
    contradictions text NOT NULL,        -- JSON
    catalogue text NOT NULL,             -- JSON, as in a folder's catalogue.json
    passages bigint NOT NULL,
    terms bigint NOT NULL,               -- in all passages, for their mean length
    sentences bigint NOT NULL,
    total bytea NOT NULL,                -- sum of the sentences' vectors, float64
    products bytea NOT NULL,             -- sum of their outer products, float64
    recall double precision NOT NULL     -- share of the exact ten nearest rows that the graph finds
);

-- The encoder and the triage of messages: a server needs nothing but this database.
CREATE TABLE kqa.files (name text PRIMARY KEY, sha256 text NOT NULL, data bytea NOT NULL);
ALTER TABLE kqa.files ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE kqa.documents (
    number bigint PRIMARY KEY,           -- in the order of the paths
    path text COLLATE "C" NOT NULL UNIQUE,
    sha256 text NOT NULL,                -- of the file's bytes
    kind text NOT NULL,
    fingerprint bytea NOT NULL,          -- of the document as read and split
    words text NOT NULL,                 -- JSON: how many of its passages hold each word
    record text NOT NULL                 -- JSON, as in a folder's documents.jsonl
);

CREATE TABLE kqa.passages (
    number bigint PRIMARY KEY,
    length integer NOT NULL,             -- terms, at least 1
    record text NOT NULL                 -- JSON, as in a folder's passages.jsonl
);

-- A row for the whole passage (-1), each sentence (its ordinal) and each question that its section answers (-2).
CREATE TABLE kqa.vectors (
    passage bigint NOT NULL,
    ordinal integer NOT NULL,
    digest bytea NOT NULL,               -- of the text: the next build finds its vector again
    vector halfvec({dimensions}) NOT NULL
);
CREATE INDEX vectors_passage ON kqa.vectors (passage);

-- BM25: kqa's own terms. Weights come from counts at the time of the question.
CREATE TABLE kqa.postings (
    term text COLLATE "C" NOT NULL,
    passage bigint NOT NULL,
    times integer NOT NULL,
    length integer NOT NULL,             -- terms of the passage
    PRIMARY KEY (term, passage) INCLUDE (times, length)
);
CREATE INDEX postings_passage ON kqa.postings (passage);
CREATE TABLE kqa.terms (term text COLLATE "C" PRIMARY KEY, passages bigint NOT NULL);
CREATE TABLE kqa.words (word text COLLATE "C" PRIMARY KEY, passages bigint NOT NULL);
