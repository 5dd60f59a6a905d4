-- The logins that may register what was found outside, but for superusers; and whether the role is there at all.
SELECT to_regrole('birthgate_registrar') IS NOT NULL AS is_there,
       (SELECT count(*) FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper AND to_regrole('birthgate_registrar') IS NOT NULL
          AND pg_has_role(r.oid, to_regrole('birthgate_registrar'), 'MEMBER')) AS logins
