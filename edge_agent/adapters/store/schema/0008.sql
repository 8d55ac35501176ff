-- The language that a person chose, as a BCP 47 tag; NULL: what the browser asks for.
ALTER TABLE account ADD COLUMN language TEXT CHECK (length(language) BETWEEN 1 AND 35);
