SELECT to_regclass('birthgate.birth_admission_permit') IS NOT NULL AND count(*) = 1 FROM birthgate.instance;
