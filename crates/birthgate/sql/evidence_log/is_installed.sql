SELECT to_regclass('birthgate_evidence.log') IS NOT NULL
