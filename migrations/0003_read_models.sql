-- Read models. Each table name ends in its generation; a view without the ending shows the live one. Tables are
-- made by their projection (projections/src), so that a rebuild can make the next generation.
create schema read;
