/*
 * Moves messages by IMAP and prints, as JSON, how many and how long each took.
 *
 *     imap_moves PORT CONNECTIONS SECONDS
 *
 * Each connection is that of a user of its own, user1 and so on, password "password", whose INBOX holds messages
 * and who has a folder Archive. It sends one UID MOVE after the other, and goes on from the other folder when one
 * is empty. Every move must be answered with the new UID of the message.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 64
#define MOST_MOVES 10000000

static const char *const FOLDERS[] = {"INBOX", "Archive"};

struct user {
    int socket;
    int folder;                 /* the one that is selected, of FOLDERS */
    unsigned uid, uid_next;     /* the next message to move, and the end of them */
    int moving;                 /* whether the command under way is a move */
    double sent_at;
    size_t length;
    char answer[65536];
};

static struct user users[MOST_CONNECTIONS];
static float latencies[MOST_MOVES];
static size_t moves;

static void fail(const char *reason, const char *detail)
{
    fprintf(stderr, "imap_moves: %s: %s\n", reason, detail);
    exit(1);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void send_command(struct user *user, const char *command)
{
    size_t length = strlen(command);
    user->length = 0;
    user->sent_at = now();
    if (write(user->socket, command, length) != (ssize_t)length)
        fail("cannot send", command);
}

/* Read what has come; true when the answer to the command, all of which bear the tag "a", is complete. */
static int is_answered(struct user *user)
{
    ssize_t got = read(user->socket, user->answer + user->length, sizeof user->answer - 1 - user->length);
    if (got <= 0)
        fail("the connection is lost", user->answer);
    user->length += got;
    user->answer[user->length] = '\0';
    if (strcmp(user->answer + user->length - 2, "\r\n") != 0)
        return 0;
    char *last = memrchr(user->answer, '\n', user->length - 1);
    last = last ? last + 1 : user->answer;
    if (strncmp(last, "a ", 2) != 0)
        return 0;
    if (strncmp(last, "a OK", 4) != 0)
        fail("refused", user->answer);
    return 1;
}

static void log_in(struct user *user, int number, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    user->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(user->socket, (struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect", "127.0.0.1");
    char command[64];
    snprintf(command, sizeof command, "a LOGIN user%d password\r\n", number);
    send_command(user, command);
    while (!is_answered(user))
        ;
}

static void select_folder(struct user *user, int folder)
{
    char command[64];
    user->folder = folder;
    user->moving = 0;
    snprintf(command, sizeof command, "a SELECT %s\r\n", FOLDERS[folder]);
    send_command(user, command);
}

/* Note which messages a folder holds: it was filled in one go, so that their UIDs have no gaps. */
static void note_messages(struct user *user)
{
    char *exists = strstr(user->answer, " EXISTS");
    char *uid_next = strstr(user->answer, "[UIDNEXT ");
    if (!exists || !uid_next)
        fail("not understood", user->answer);
    while (exists[-1] != ' ')
        exists--;
    user->uid_next = atoi(uid_next + strlen("[UIDNEXT "));
    user->uid = user->uid_next - atoi(exists);
}

/* Send the command that follows the one just answered. */
static void go_on(struct user *user)
{
    if (user->moving) {
        if (!strstr(user->answer, "COPYUID"))
            fail("nothing was moved", user->answer);
        latencies[moves++] = now() - user->sent_at;
        user->uid++;
    } else {
        note_messages(user);
    }
    if (user->uid < user->uid_next) {
        char command[64];
        snprintf(command, sizeof command, "a UID MOVE %u %s\r\n", user->uid, FOLDERS[!user->folder]);
        user->moving = 1;
        send_command(user, command);
    } else {
        select_folder(user, !user->folder);
    }
}

static int compare(const void *left, const void *right)
{
    float difference = *(const float *)left - *(const float *)right;
    return (difference > 0) - (difference < 0);
}

int main(int argc, char **argv)
{
    if (argc != 4 || atoi(argv[2]) > MOST_CONNECTIONS)
        fail("usage", "imap_moves PORT CONNECTIONS SECONDS");
    int count = atoi(argv[2]);
    struct pollfd waiting[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++) {
        log_in(&users[i], i + 1, atoi(argv[1]));
        select_folder(&users[i], 0);
        while (!is_answered(&users[i]))
            ;
        waiting[i] = (struct pollfd){.fd = users[i].socket, .events = POLLIN};
    }
    double started = now(), end = started + atof(argv[3]);
    for (int i = 0; i < count; i++)
        go_on(&users[i]);
    while (now() < end && moves < MOST_MOVES - MOST_CONNECTIONS) {
        if (poll(waiting, count, 1000) < 0)
            fail("cannot wait", "poll");
        for (int i = 0; i < count; i++)
            if (waiting[i].revents && is_answered(&users[i]))
                go_on(&users[i]);
    }
    double seconds = now() - started;
    if (moves == 0)
        fail("no move", "in all the time");
    qsort(latencies, moves, sizeof latencies[0], compare);
    printf("{\"answers\": %zu, \"seconds\": %f, \"p50\": %f, \"p99\": %f}\n", moves, seconds,
           latencies[moves / 2] * 1000, latencies[moves * 99 / 100] * 1000);
    return 0;
}
