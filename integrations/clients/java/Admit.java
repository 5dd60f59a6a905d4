// Admitting with JDBC. java -cp postgresql.jar Admit.java jdbc:postgresql://localhost/app?user=app
import java.sql.*;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Admit {
    // ANCHOR: admit
    static void admit(Connection connection, String code, String name) throws SQLException {
        String insert = "INSERT INTO dot_tools (code, name) SELECT ?, ? FROM birthgate.permit_hold('dot_tools', ?)";
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            statement.setString(1, code);
            statement.setString(2, name);
            statement.setString(3, code);
            statement.executeUpdate();
        }
    }
    // ANCHOR_END: admit

    // ANCHOR: refused
    /** What Birthgate refused, or null: getSQLState(), getMessage(), getDetail(), getHint(). */
    static ServerErrorMessage refusal(SQLException error) {
        boolean isRefusal = error.getSQLState() != null && error.getSQLState().startsWith("PB");
        return isRefusal ? ((PSQLException) error).getServerErrorMessage() : null;
    }
    // ANCHOR_END: refused

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0]); Statement statement = connection.createStatement()) {
            try {
                statement.executeUpdate("INSERT INTO dot_tools (code, name) VALUES ('DOT-1', 'one')");
            } catch (SQLException error) {
                ServerErrorMessage said = refusal(error);
                System.out.println("refused:|" + said.getSQLState() + "|" + said.getMessage() + "|" + said.getDetail() + "|" + said.getHint());
            }
            admit(connection, "DOT-1", "one");
        }
    }
}
