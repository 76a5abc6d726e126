#!/bin/sh
# The command daas with the settings and the secrets of the service, for root: link it as /usr/local/sbin/daas.
set -a
. /etc/daas/daas.env
DAAS_DATABASE_URL_FILE=/etc/daas/secrets/database-url
DAAS_ENCRYPTION_KEYS_FILE=/etc/daas/secrets/encryption-keys
DAAS_SEAL_KEY_FILE=/etc/daas/secrets/seal-key
# The release that this file belongs to, by the place that links lead to.
exec "$(dirname "$(readlink --canonicalize "$0")")/../bin/daas" "$@"
