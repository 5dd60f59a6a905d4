"""Admitting with Django 5's ORM, over psycopg 3. The connection is what PGHOST, PGUSER and PGDATABASE say."""
import os

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import DatabaseError, connection, models, transaction  # noqa: E402


class DotTool(models.Model):
    code = models.TextField(primary_key=True)
    name = models.TextField(null=True)

    class Meta:
        app_label, db_table, managed = "estate", "dot_tools", False


class Order(models.Model):
    note = models.TextField(null=True)

    class Meta:
        app_label, db_table, managed = "estate", "orders", False


# ANCHOR: admit
def hold(collection, *codes):
    """Before the rows are saved, in their transaction. A code that the database makes is None."""
    permits = "SELECT birthgate.permit_reserve_many(birthgate.permit_request_many(%s, %s::text[]))"
    with connection.cursor() as cursor:
        cursor.execute(permits, (collection, list(codes)))


@transaction.atomic
def admit(*tools):
    hold("dot_tools", *(tool.code for tool in tools))
    DotTool.objects.bulk_create(tools)
# ANCHOR_END: admit


# ANCHOR: refused
def refusal(error: DatabaseError):
    """What Birthgate refused, or None: SQLSTATE, message, detail, hint."""
    said = error.__cause__
    if (said.sqlstate or "").startswith("PB"):
        return said.sqlstate, said.diag.message_primary, said.diag.message_detail, said.diag.message_hint
# ANCHOR_END: refused


# ANCHOR: retry
def again(work):
    """Runs a transaction, again where the server says so: 40001 is a serialization failure, 40P01 a deadlock."""
    for attempt in range(5):
        try:
            with transaction.atomic():
                return work()
        except DatabaseError as error:
            if attempt == 4 or error.__cause__.sqlstate not in ("40001", "40P01"):
                raise
# ANCHOR_END: retry


def main():
    try:
        DotTool.objects.create(code="DOT-1", name="one")
    except DatabaseError as error:
        print("refused:", *refusal(error), sep="|")
    admit(DotTool(code="DOT-1", name="one"))
    again(lambda: admit(DotTool(code="DOT-40001", name="at the second attempt")))
    admit(DotTool(code="DOT-2", name="two"), DotTool(code="DOT-3", name="three"))
    with transaction.atomic():
        hold("orders", None)
        print("made:", Order.objects.create(note="the first").pk, sep="|")
    permits = set()
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SELECT birthgate.admit('dot_tools', %s, %s)", ('{"code": "DOT-4", "name": "four"}', "key"))
            permits.update(cursor.fetchone())
    print("once:", len(permits) == 1, sep="|")
    # A refusal within a savepoint leaves the rest of the transaction as it was.
    with transaction.atomic():
        admit(DotTool(code="DOT-5", name="five"))
        try:
            with transaction.atomic():
                DotTool.objects.create(code="DOT-6")
        except DatabaseError as error:
            print("in a savepoint:", refusal(error)[0], sep="|")


main()
