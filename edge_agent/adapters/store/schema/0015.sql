-- The ways of delivery that a merchant offered with a price, as the bridge told them (JSON); NULL: it named none.
ALTER TABLE price ADD COLUMN deliveries TEXT;
