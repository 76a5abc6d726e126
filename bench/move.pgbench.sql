-- What a move reads and writes, as the two statements that are the fewest: the signature is checked between them.
-- Every client moves messages in turn, all of them to one folder, then all to the next.
-- Variables: messages, applications, clients; turn, 0 at the start, when all messages are in their Inbox.

\set message (:client_id + :clients * :turn) * 7919 % :messages
\set folder 2 + (:client_id + :clients * :turn) / :messages % 5
\set mailbox :message / 100 + 1
\set message :message + 1
\set application :turn % :applications + 1
\set turn :turn + 1

SELECT id, name, private_key_encrypted, suspended, all_mailboxes, require_content_md5, explain_401,
       EXISTS (SELECT FROM application_service
               WHERE application_id = application.id AND service = 'direct/messages/move') AS may_use_service
FROM application
WHERE public_key = lpad(:application, 64, '0')
\gset

WITH target AS (
    SELECT mailbox.id AS mailbox_id, folder.id AS folder_id, folder.name AS folder, mailbox.name AS mailbox
    FROM mailbox
    JOIN application_mailbox ON application_mailbox.mailbox_id = mailbox.id AND application_id = :id
    JOIN folder ON folder.mailbox_id = mailbox.id
               AND folder.name = (ARRAY['Inbox', 'Sent', 'Archived', 'Draft', 'Custom', 'Inbox'])[:folder]
    WHERE mailbox.name = 'bench.' || :mailbox AND NOT mailbox.suspended
), held AS (
    SELECT message.id, message.folder_id
    FROM message
    WHERE message.id = :message AND message.mailbox_id = (SELECT mailbox_id FROM target)
    FOR UPDATE
), moved AS (
    UPDATE message SET folder_id = (SELECT folder_id FROM target)
    WHERE id = (SELECT id FROM held)
    RETURNING id
)
INSERT INTO request_log (at, remote_address, application, service, method, path, status, reason, duration_ms,
                         mailbox, message, folder, folder_from, folder_to)
SELECT now(), '127.0.0.1', :name, 'direct/messages/move', 'POST', '/direct/messages/move/format/json', 200, 'moved', 1.5,
       target.mailbox, moved.id, target.folder,
       (SELECT name FROM folder WHERE folder.id = held.folder_id), target.folder
FROM target, held, moved
RETURNING id;
