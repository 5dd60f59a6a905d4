"""Admitting with SQLAlchemy 2, with its ORM, over psycopg 3. The connection is what PGHOST, PGUSER and PGDATABASE say."""
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class DotTool(Base):
    __tablename__ = "dot_tools"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str | None]


# ANCHOR: admit
def hold(session, collection, *codes):
    """Before the rows are flushed, in their transaction. A code that the database makes is None."""
    permits = func.birthgate.permit_request_many(collection, list(codes))
    session.execute(select(func.birthgate.permit_reserve_many(permits)))


def admit(session, *tools):
    hold(session, "dot_tools", *(tool.code for tool in tools))
    session.add_all(tools)
# ANCHOR_END: admit


# ANCHOR: refused
def refusal(error: DBAPIError):
    """What Birthgate refused, or None: SQLSTATE, message, detail, hint."""
    said = error.orig
    if (said.sqlstate or "").startswith("PB"):
        return said.sqlstate, said.diag.message_primary, said.diag.message_detail, said.diag.message_hint
# ANCHOR_END: refused


# ANCHOR: retry
def again(engine, work):
    """Runs a transaction, again where the server says so: 40001 is a serialization failure, 40P01 a deadlock."""
    for attempt in range(5):
        try:
            with Session(engine) as session, session.begin():
                return work(session)
        except DBAPIError as error:
            if attempt == 4 or error.orig.sqlstate not in ("40001", "40P01"):
                raise
# ANCHOR_END: retry


def main():
    engine = create_engine("postgresql+psycopg://")
    try:
        with Session(engine) as session, session.begin():
            session.add(DotTool(code="DOT-1", name="one"))
    except DBAPIError as error:
        print("refused:", *refusal(error), sep="|")
    with Session(engine) as session, session.begin():
        admit(session, DotTool(code="DOT-1", name="one"))
    again(engine, lambda session: admit(session, DotTool(code="DOT-40001", name="at the second attempt")))
    with Session(engine) as session, session.begin():
        admit(session, DotTool(code="DOT-2", name="two"), DotTool(code="DOT-3", name="three"))
    with Session(engine) as session, session.begin():
        hold(session, "orders", None)
        session.add(order := Order(note="the first"))
        session.flush()
        print("made:", order.id, sep="|")
    with Session(engine) as session:
        once = select(func.birthgate.admit("dot_tools", func.jsonb_build_object("code", "DOT-4", "name", "four"), "key"))
        with session.begin():
            permit = session.scalar(once)
        with session.begin():
            print("once:", session.scalar(once) == permit, sep="|")
    # A refusal within a savepoint leaves the rest of the transaction as it was.
    with Session(engine) as session, session.begin():
        admit(session, DotTool(code="DOT-5", name="five"))
        session.flush()
        try:
            with session.begin_nested():
                session.add(DotTool(code="DOT-6"))
        except DBAPIError as error:
            print("in a savepoint:", refusal(error)[0], sep="|")


main()
