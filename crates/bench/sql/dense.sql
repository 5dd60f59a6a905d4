-- What is loaded has long been at rest, and needs no room for versions; it would not fit on many a disk with it.
ALTER TABLE birthgate.birth_admission_permit SET (fillfactor = 100);
ALTER TABLE birthgate.birth_registry SET (fillfactor = 100);
