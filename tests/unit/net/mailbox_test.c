/* SPDX-License-Identifier: MIT
 *
 * mailbox_test.c - letters from any thread arrive once, in their sender's order, on the loop that
 * owns the box. */
#include "net/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { senders = 4, letters_each = 2000 };

struct scene {
    uv_loop_t loop;
    struct mailbox mailbox;
    pthread_t thread; /* the loop's */
    unsigned next[senders];
    unsigned delivered;
    unsigned close_after; /* letters; 0: never */
};

struct note {
    struct letter letter;
    unsigned sender;
    unsigned number;
    bool posts_another;
};

static struct note *note_create(unsigned sender, unsigned number);

static void note_deliver(void *receiver, struct letter *letter)
{
    struct scene *scene = receiver;
    struct note *note = (struct note *)letter;
    assert_true(pthread_equal(scene->thread, pthread_self()));
    assert_int_equal(note->number, scene->next[note->sender]);
    scene->next[note->sender]++;
    scene->delivered++;
    if (note->posts_another) {
        assert_true(
            mailbox_post(&scene->mailbox, &note_create(note->sender, note->number + 1)->letter));
    }
    free(note);
    if (scene->delivered == scene->close_after) {
        mailbox_close(&scene->mailbox);
    }
}

static struct note *note_create(unsigned sender, unsigned number)
{
    struct note *note = calloc(1, sizeof(*note));
    assert_non_null(note);
    note->letter.deliver = note_deliver;
    note->sender = sender;
    note->number = number;
    return note;
}

static void scene_begin(struct scene *scene)
{
    *scene = (struct scene){.thread = pthread_self()};
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(mailbox_open(&scene->mailbox, &scene->loop, scene, NULL), STATUS_OK);
}

static void scene_end(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    mailbox_clear(&scene->mailbox);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
}

static void post(struct scene *scene, unsigned sender, unsigned number)
{
    assert_true(mailbox_post(&scene->mailbox, &note_create(sender, number)->letter));
}

static void letters_arrive_in_order_from_the_loop(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    for (unsigned i = 0; i < 10; i++) {
        post(&scene, 0, i);
    }
    assert_int_equal(scene.delivered, 0); /* not from inside */
    while (scene.delivered < 10) {
        uv_run(&scene.loop, UV_RUN_ONCE);
    }
    mailbox_close(&scene.mailbox);
    scene_end(&scene);
    assert_int_equal(scene.delivered, 10);
}

struct sender {
    struct scene *scene;
    unsigned index;
    pthread_t thread;
};

static void *sender_run(void *argument)
{
    struct sender *sender = argument;
    for (unsigned i = 0; i < letters_each; i++) {
        struct note *note = note_create(sender->index, i);
        if (!mailbox_post(&sender->scene->mailbox, &note->letter)) {
            free(note);
        }
    }
    return NULL;
}

static void many_threads_may_post_at_once(void **state)
{
    struct scene scene;
    struct sender list[senders];
    scene_begin(&scene);
    for (unsigned i = 0; i < senders; i++) {
        list[i] = (struct sender){.scene = &scene, .index = i};
        assert_int_equal(pthread_create(&list[i].thread, NULL, sender_run, &list[i]), 0);
    }
    while (scene.delivered < senders * letters_each) {
        uv_run(&scene.loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < senders; i++) {
        pthread_join(list[i].thread, NULL);
        assert_int_equal(scene.next[i], letters_each);
    }
    mailbox_close(&scene.mailbox);
    scene_end(&scene);
    assert_int_equal(scene.delivered, senders * letters_each);
}

static void closing_delivers_what_is_left_and_takes_no_more(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    for (unsigned i = 0; i < 5; i++) {
        post(&scene, 0, i);
    }
    mailbox_close(&scene.mailbox);
    assert_int_equal(scene.delivered, 5);
    struct note *late = note_create(0, 5);
    assert_false(mailbox_post(&scene.mailbox, &late->letter));
    free(late); /* still ours */
    scene_end(&scene);
    assert_int_equal(scene.delivered, 5);
}

static void a_delivery_may_post_and_may_close(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.close_after = 3;
    for (unsigned i = 0; i < 2; i++) {
        struct note *note = note_create(i, 0);
        note->posts_another = i == 0;
        assert_true(mailbox_post(&scene.mailbox, &note->letter));
    }
    scene_end(&scene); /* ends, since the third letter closed the box */
    assert_int_equal(scene.delivered, 3);
    assert_int_equal(scene.next[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_arrive_in_order_from_the_loop),
        cmocka_unit_test(many_threads_may_post_at_once),
        cmocka_unit_test(closing_delivers_what_is_left_and_takes_no_more),
        cmocka_unit_test(a_delivery_may_post_and_may_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
