"""Eligibility: asked last, of those alone who would be granted; a refusal costs no stock and may be tried again."""

import threading
import time

import pytest

from asking import metrics, problem, units

SIMULATED = ("--eligibility", "simulated", "--eligibility-seed", "7", "--eligibility-percent")


def checks(server):
    said = metrics(server)
    return sum(said[f'dibs_eligibility_checks_total{{answer="{answer}"}}'] for answer in ("passed", "refused"))


def test_everybody_is_refused_at_a_hundred_percent_and_no_unit_is_used(make_server):
    server = make_server(*SIMULATED, 100)
    drop = server.drop(stock=3)
    for _ in range(5):
        problem(server.claim(drop, "anna", key="k"), 409, "not_eligible")
    assert units(server, drop)["unit"]["free"] == 3


def test_nobody_is_refused_at_none(make_server):
    server = make_server(*SIMULATED, 0)
    drop = server.drop(stock=3)
    assert [server.claim(drop, f"b{i}").status_code for i in range(3)] == [201, 201, 201]


def test_some_are_refused_by_the_seed_and_may_try_again(make_server):
    def run():
        server = make_server(*SIMULATED, 30)
        drop = server.drop(stock=100)
        answers = [server.claim(drop, f"b{i}").status_code for i in range(100)]
        free = units(server, drop)["unit"]["free"]
        refused = [i for i, code in enumerate(answers) if code == 409]
        assert free == len(refused)
        while refused:  # in the end everybody has one
            refused = [i for i in refused if server.claim(drop, f"b{i}").status_code == 409]
        assert units(server, drop)["unit"]["free"] == 0
        return answers

    first, second = run(), run()
    assert first == second
    assert 15 <= first.count(409) <= 45


def test_replays_and_a_sold_out_crowd_never_reach_the_check(make_server):
    server = make_server(*SIMULATED, 0)
    drop = server.drop(stock=1, hold_seconds=0)
    first = server.claim(drop, "anna", key="k")
    assert first.status_code == 201 and checks(server) == 1
    for _ in range(5):
        assert server.claim(drop, "anna", key="k").json() == first.json()
        problem(server.claim(drop, "anna"), 409, "limit_reached")
        problem(server.claim(drop, "ben"), 409, "sold_out")
        problem(server.claim("absent", "ben"), 404, "unknown_drop")
    assert checks(server) == 1


def test_refusals_are_counted_in_the_statistics(make_server):
    server = make_server(*SIMULATED, 100)
    drop = server.drop(stock=1)
    for i in range(3):
        problem(server.claim(drop, f"b{i}"), 409, "not_eligible")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        said = server.client().get(f"/v1/drops/{drop}/stats").json()
        if said["refused"].get("not_eligible") == 3:
            return
        time.sleep(0.1)
    raise AssertionError(said)


def test_a_check_that_takes_time_holds_nobody_else_up(make_server):
    server = make_server(*SIMULATED, 0, "--eligibility-delay", "500ms")
    drop = server.drop(stock=1)
    server.shop_key()
    answers = {}
    threads = [threading.Thread(target=lambda i=i: answers.update({i: server.claim(drop, f"b{i}")})) for i in range(5)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    assert server.client().get(f"/v1/drops/{drop}").status_code == 200
    for thread in threads:
        thread.join()
    assert 0.5 <= time.monotonic() - begun < 5
    codes = sorted(answer.status_code for answer in answers.values())
    assert codes == [201, 409, 409, 409, 409]  # several were eligible, one was first


def test_a_check_that_is_unfinished_at_a_stop_answers_503_and_logs_nothing(make_server):
    server = make_server(*SIMULATED, 0, "--eligibility-delay", "60s")
    drop = server.drop(stock=1)
    server.shop_key()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.claim(drop, "anna", key="k")))
    asking.start()
    end = time.monotonic() + 10
    while checks(server) == 0 and time.monotonic() < end:
        time.sleep(0.02)
    assert server.stop() == 0
    asking.join()
    problem(answers[0], 503, "overloaded")
    server.flags = []
    server.restart()
    assert units(server, drop)["unit"]["free"] == 1
    assert server.claim(drop, "anna", key="k").status_code == 201
