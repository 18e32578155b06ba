/* SPDX-License-Identifier: MIT
 *
 * worker_test.c - one thread, one loop: letters run there, signals do not, and it ends when its
 * handles are closed. */
#include "net/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { workers_count = 3, letters_count = 20 };

struct place {
    struct worker worker;
    unsigned letters;
    pthread_t thread;
    bool signals_blocked;
};

struct note {
    struct letter letter;
    bool is_last;
};

static void note_deliver(void *receiver, struct letter *letter)
{
    struct place *place = receiver;
    struct note *note = (struct note *)letter;
    sigset_t blocked;
    place->letters++;
    place->thread = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    place->signals_blocked = sigismember(&blocked, SIGTERM) == 1 &&
                             sigismember(&blocked, SIGINT) == 1 &&
                             sigismember(&blocked, SIGHUP) == 1;
    memset(place->worker.scratch, (int)place->letters, worker_scratch_bytes);
    if (note->is_last) {
        mailbox_close(&place->worker.mailbox);
    }
    free(note);
}

static void post(struct place *place, bool is_last)
{
    struct note *note = calloc(1, sizeof(*note));
    assert_non_null(note);
    note->letter.deliver = note_deliver;
    note->is_last = is_last;
    assert_true(mailbox_post(&place->worker.mailbox, &note->letter));
}

static void each_worker_runs_on_a_thread_of_its_own(void **state)
{
    struct place places[workers_count] = {0};
    for (unsigned i = 0; i < workers_count; i++) {
        assert_int_equal(worker_init(&places[i].worker, i, &places[i], NULL), STATUS_OK);
        assert_int_equal(places[i].worker.index, i);
        assert_non_null(places[i].worker.gather);
        assert_null(places[i].worker.gather->owner);
        post(&places[i], false); /* kept until the loop runs */
        assert_int_equal(places[i].letters, 0);
        assert_int_equal(worker_start(&places[i].worker, NULL), STATUS_OK);
    }
    for (unsigned j = 0; j < letters_count; j++) {
        for (unsigned i = 0; i < workers_count; i++) {
            post(&places[i], j == letters_count - 1);
        }
    }
    for (unsigned i = 0; i < workers_count; i++) {
        worker_join(&places[i].worker);
        assert_int_equal(places[i].letters, letters_count + 1);
        assert_true(places[i].signals_blocked);
        assert_false(pthread_equal(places[i].thread, pthread_self()));
        for (unsigned j = 0; j < i; j++) {
            assert_false(pthread_equal(places[i].thread, places[j].thread));
        }
    }
    sigset_t blocked; /* and the main thread hears its signals still */
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

static void a_worker_without_anything_to_do_ends(void **state)
{
    struct place place = {0};
    assert_int_equal(worker_init(&place.worker, 0, &place, NULL), STATUS_OK);
    mailbox_close(&place.worker.mailbox);
    assert_int_equal(worker_start(&place.worker, NULL), STATUS_OK);
    worker_join(&place.worker);
    assert_int_equal(place.letters, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_runs_on_a_thread_of_its_own),
        cmocka_unit_test(a_worker_without_anything_to_do_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
