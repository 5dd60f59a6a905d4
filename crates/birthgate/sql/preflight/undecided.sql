-- Critical collections of which no owner has said what their entities are.
SELECT c.collection_name FROM birthgate.collection c
 WHERE c.critical AND c.mode = 'listed' AND NOT EXISTS (SELECT FROM birthgate.identity_decision d WHERE d.collection_name = c.collection_name)
 ORDER BY c.collection_name
