-- As the installation leaves them.
ALTER TABLE birthgate.birth_admission_permit SET (fillfactor = 20);
ALTER TABLE birthgate.birth_registry SET (fillfactor = 40);
