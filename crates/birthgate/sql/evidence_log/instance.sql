SELECT id, facts FROM birthgate_evidence.instance
