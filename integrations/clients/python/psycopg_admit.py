"""Admitting with psycopg 3. The connection is what PGHOST, PGUSER and PGDATABASE say."""
import psycopg


# ANCHOR: admit
def admit(connection, code, name):
    connection.execute(
        "INSERT INTO dot_tools (code, name) SELECT %(code)s, %(name)s FROM birthgate.permit_hold('dot_tools', %(code)s)",
        {"code": code, "name": name},
    )
# ANCHOR_END: admit


# ANCHOR: refused
def refusal(error):
    """What Birthgate refused, or None: SQLSTATE, message, detail, hint."""
    if (error.sqlstate or "").startswith("PB"):
        return error.sqlstate, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint
# ANCHOR_END: refused


# ANCHOR: retry
def again(connection, work):
    """Runs a transaction, again where the server says so: 40001 is a serialization failure, 40P01 a deadlock."""
    for attempt in range(5):
        try:
            with connection.transaction():
                return work(connection)
        except psycopg.OperationalError as error:
            if attempt == 4 or error.sqlstate not in ("40001", "40P01"):
                raise
# ANCHOR_END: retry


# ANCHOR: bulk
def admit_all(connection, rows):
    with connection.transaction():
        codes = [code for code, _ in rows]
        connection.execute(
            "SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('dot_tools', %s::text[]))", (codes,)
        )
        with connection.cursor().copy("COPY dot_tools (code, name) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
# ANCHOR_END: bulk


# ANCHOR: made
def order(connection, note):
    """The database makes the code: an open permit."""
    insert = "INSERT INTO orders (note) SELECT %s FROM birthgate.permit_hold('orders', NULL) RETURNING id"
    return connection.execute(insert, (note,)).fetchone()[0]
# ANCHOR_END: made


# ANCHOR: once
def admit_once(connection, key, code, name):
    """The same key again answers the same permit, and inserts nothing."""
    row = psycopg.types.json.Jsonb({"code": code, "name": name})
    return connection.execute("SELECT birthgate.admit('dot_tools', %s, %s)", (row, key)).fetchone()[0]
# ANCHOR_END: once


def main():
    with psycopg.connect(autocommit=True) as connection:
        try:
            connection.execute("INSERT INTO dot_tools (code, name) VALUES ('DOT-1', 'one')")
        except psycopg.Error as error:
            print("refused:", *refusal(error), sep="|")
        admit(connection, "DOT-1", "one")
        again(connection, lambda connection: admit(connection, "DOT-40001", "at the second attempt"))
        admit_all(connection, [("DOT-2", "two"), ("DOT-3", "three")])
        print("made:", order(connection, "the first"), sep="|")
        print("once:", admit_once(connection, "key", "DOT-4", "four") == admit_once(connection, "key", "DOT-4", "four"), sep="|")
        # A refusal within a savepoint leaves the rest of the transaction as it was.
        with connection.transaction():
            admit(connection, "DOT-5", "five")
            try:
                with connection.transaction():
                    connection.execute("INSERT INTO dot_tools (code) VALUES ('DOT-6')")
            except psycopg.Error as error:
                print("in a savepoint:", refusal(error)[0], sep="|")


main()
