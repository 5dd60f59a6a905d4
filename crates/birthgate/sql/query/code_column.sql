SELECT code_column FROM birthgate.collection WHERE collection_name = $1
