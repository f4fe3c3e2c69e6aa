"""dibs rehearse and dibs demo, as somebody types them."""

import json
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import DIBS, environment, run_dibs


def rehearse(server, drop, *words, **more):
    return run_dibs("rehearse", "--server", server.url, "--data", server.data, "--drop", drop, "--json", "--quiet",
                    *words, **more)


def told(report):
    return {row["code"]: row["count"] for row in report["answers"]}


def test_a_burst_is_reported_and_checked(shared):
    drop = shared.drop(stock=7, hold_seconds=0)
    done = rehearse(shared, drop, "--buyers", "200", "--burst")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert told(found["report"]) == {"granted": 7, "sold_out": 193}
    assert found["report"]["connections"] == 200
    assert found["check"]["holds"] and all(line["holds"] for line in found["check"]["lines"])
    assert done.stderr == ""


def test_an_open_loop_at_a_rate(shared):
    drop = shared.drop(stock=1000)
    done = rehearse(shared, drop, "--buyers", "200", "--rate", "400", "--even", "--connections", "20")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert told(found["report"]) == {"granted": 200}
    assert 0.45 < found["report"]["elapsed_s"] < 5
    assert found["report"]["latency_s"]["count"] == 200


def test_buyers_may_ask_for_themselves(shared):
    drop = shared.drop(stock=3, hold_seconds=0)
    done = rehearse(shared, drop, "--buyers", "20", "--burst", "--tokens", shared.data / "tokens")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(json.loads(done.stdout)["report"]) == {"granted": 3, "sold_out": 17}


def test_one_buyer_may_ask_twice_and_gets_one(shared):
    drop = shared.drop(stock=50)
    done = rehearse(shared, drop, "--buyers", "10", "--rate", "100", "--duration", "300ms")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(json.loads(done.stdout)["report"]) == {"granted": 10, "limit_reached": 20}


def test_a_sku_and_a_quantity(shared):
    drop = shared.drop(skus=[{"id": "red", "stock": 10, "price": 1}, {"id": "blue", "stock": 10, "price": 1}],
                       limit_per_buyer=3, hold_seconds=0)
    done = rehearse(shared, drop, "--buyers", "5", "--burst")
    assert done.returncode == 2 and "--sku" in done.stderr
    done = rehearse(shared, drop, "--buyers", "5", "--burst", "--sku", "blue", "--quantity", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(json.loads(done.stdout)["report"]) == {"granted": 3, "sold_out": 2}


def test_the_text_for_people(shared):
    drop = shared.drop(stock=1)
    done = run_dibs("rehearse", "--server", shared.url, "--data", shared.data, "--drop", drop, "--buyers", "10",
                    "--burst", env={"NO_COLOR": "1", "LANG": "C", "LC_ALL": "C"})
    assert done.returncode == 0
    assert "10 buyers, 10 claims, all at once, over 10 connections" in done.stdout
    assert "what the log and the store say" in done.stdout
    assert "NO  " not in done.stdout and done.stdout.isascii() and "\033" not in done.stdout


def test_a_crowd_sees_the_server_killed_and_all_that_it_was_told_holds(make_server):
    server = make_server()
    drop = server.drop(stock=300, hold_seconds=600)
    port = server.port
    crowd = subprocess.Popen([DIBS, "rehearse", "--server", server.url, "--data", str(server.data), "--drop", drop,
                              "--buyers", "600", "--rate", "300", "--retry", "--connections", "50", "--json",
                              "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=environment())
    time.sleep(0.7)
    server.kill9()
    server.start(port=port)
    out, messages = crowd.communicate(timeout=60)
    found = json.loads(out)
    lines = {line["what"]: line for line in found["check"]["lines"]}
    assert found["report"]["granted"] == 300 and found["report"]["failed"] == 0, messages
    assert found["report"]["retries"] > 0
    # Statistics may have lost their last second, and a refusal that was asked for again is counted again.
    assert all(line["holds"] for what, line in lines.items() if "statistics" not in what), lines


@pytest.mark.parametrize("words", [
    ["--buyers", "10", "--burst"],
    ["--drop", "d", "--burst"],
    ["--drop", "d", "--buyers", "10"],
    ["--drop", "d", "--buyers", "10", "--burst", "--rate", "5"],
    ["--drop", "d", "--buyers", "10", "--burst", "--duration", "5s"],
    ["--drop", "d", "--buyers", "0", "--burst"],
    ["--drop", "d", "--buyers", "10000001", "--burst"],
    ["--drop", "d", "--buyers", "10", "--rate", "0"],
    ["--drop", "d", "--buyers", "10", "--burst", "--connections", "16001"],
    ["--drop", "d", "--buyers", "10", "--burst", "--nonsense"],
    ["--drop", "d", "--buyers", "10", "--burst", "more"],
    ["--drop", "d", "--buyers"],
])
def test_wrong_usage_is_one_line_and_2(words):
    done = run_dibs("rehearse", *words)
    assert done.returncode == 2
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_what_does_not_work_is_one_line_and_1(shared, tmp_path):
    done = rehearse(shared, "no-such-drop", "--buyers", "5", "--burst")
    assert done.returncode != 0 and "unknown_drop" in done.stderr and len(done.stderr.splitlines()) == 1
    (tmp_path / "key").write_text("dibs_shop_wrong\n")
    drop = shared.drop()
    done = run_dibs("rehearse", "--server", shared.url, "--key-file", tmp_path / "key", "--drop", drop, "--buyers",
                    "5", "--burst", "--no-check", "--quiet", "--json")
    assert done.returncode == 1 and told(json.loads(done.stdout)["report"]) == {"unauthorized": 5}
    done = run_dibs("rehearse", "--server", "http://127.0.0.1:1", "--key-file", tmp_path / "key", "--drop", drop,
                    "--buyers", "5", "--burst")
    assert done.returncode == 1 and "nobody answers" in done.stderr and len(done.stderr.splitlines()) == 1
    done = run_dibs("rehearse", "--data", tmp_path / "nothing", "--drop", drop, "--buyers", "5", "--burst")
    assert done.returncode == 1 and "admin.key" in done.stderr and len(done.stderr.splitlines()) == 1


# ---- the demo ----

def test_the_demo_is_played_to_its_end_and_leaves_nothing(tmp_path):
    done = run_dibs("demo", "--buyers", "500", "--stock", "7", env={"TMPDIR": str(tmp_path), "LANG": "C"}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ["exactly 7 got one: 7 did", "everybody was answered: 500 of 500", "in the end all 100 are paid for",
                  "Every promise was kept."]:
        assert words in done.stdout
    assert "NO  " not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_more_units_than_people(tmp_path):
    done = run_dibs("demo", "--buyers", "3", "--stock", "5", env={"TMPDIR": str(tmp_path)}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly 3 got one: 3 did" in done.stdout


def servers_under(folder):
    found = []
    for process in pathlib.Path("/proc").iterdir():
        try:
            if process.name.isdigit() and str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how,after", [(signal.SIGINT, 0.3), (signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0)])
def test_an_interrupted_demo_leaves_no_server_behind(tmp_path, how, after):
    demo = subprocess.Popen([DIBS, "demo", "--buyers", "500"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            env=environment(TMPDIR=str(tmp_path)))
    time.sleep(after)
    demo.send_signal(how)
    assert demo.wait(30) != 0
    end = time.monotonic() + 10
    while servers_under(tmp_path) and time.monotonic() < end:
        time.sleep(0.02)
    assert servers_under(tmp_path) == []
    if how != signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


def test_a_kept_folder_can_be_audited_again(tmp_path):
    done = run_dibs("demo", "--buyers", "50", "--stock", "5", "--keep", env={"TMPDIR": str(tmp_path)}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = tmp_path.iterdir()
    assert str(folder) in done.stdout
    assert run_dibs("audit", "--data", folder / "data").returncode == 0


@pytest.mark.parametrize("words", [["--buyers", "0"], ["--buyers", "1000001"], ["--stock", "x"], ["--more"], ["more"],
                                   ["--stock"]])
def test_wrong_usage_of_the_demo(words):
    done = run_dibs("demo", *words)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["rehearse", "demo"])
def test_help_has_an_example(command):
    done = run_dibs(command, "--help")
    assert done.returncode == 0 and f"\n  dibs {command}" in done.stdout and done.stderr == ""
