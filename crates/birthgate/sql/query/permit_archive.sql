SELECT birthgate.permit_archive(clock_timestamp() - $1::float8 * interval '1 second', $2)
