#!/usr/bin/python3
"""tests/system/clusters.py -- two clusters with one cookie, as real processes: a node that was begun elsewhere becomes
no member, whichever way it is asked for; both clusters go on; emptied, it may come.
"""
import shutil

from cluster import BUILD, Node, check, done, init, introduce, leader_of, run, wait_for

SILENCE = 3  # seconds in which a cluster that believed the other one would have changed


def cluster(at, *args):
    return run([BUILD / "aspen", "--endpoints=" + at.url, "cluster", *args])


def members_of(node):
    m = node.ask("/raft-metrics")[1]
    return m["config_index"], sorted(m["members"]), sorted(m["learners"])


def picture(nodes):
    """Who leads, in which term, with which members: what the other cluster must not change."""
    leader = wait_for(10, lambda: leader_of(nodes))
    return leader and (leader.id, leader.ask("/raft-metrics")[1]["current_term"], members_of(leader))


def elsewhere_is_refused(ours, theirs):
    """By the command, which names an address, and by the interface, when the nodes are connected already."""
    before = picture(ours)
    rc, _, err = cluster(ours[0], "add", f"{theirs.id}={theirs.addr}")
    check("clusters", "who was begun elsewhere is not added", rc == 1 and f"node {theirs.id} belongs to another "
          "cluster" in err and f"aspen cluster add {theirs.id}=ADDR" in err, (rc, err))
    introduce([*ours, theirs])
    follower = next(n for n in ours if n.id != before[0])
    for asked in (leader_of(ours), follower):
        status, reply, _ = asked.ask("/add-learner", {"learner": {"id": theirs.id, "addr": theirs.addr}})
        check("clusters", f"... nor by node {asked.id}", (status, reply.get("code")) == (409, "WRONG_CLUSTER"), reply)
    rc, _, err = cluster(theirs, "add", f"{follower.id}={follower.addr}")
    check("clusters", "... nor one of ours there", rc == 1 and f"node {follower.id} belongs to another" in err, err)
    # they are connected, and would hear of each other's terms
    changed = wait_for(SILENCE, lambda: picture(ours) != before)
    check("clusters", "... and nothing has changed here", not changed, (before, picture(ours)))
    check("clusters", "... nor there", picture([theirs]) and theirs.read("k")[1].get("value") == "theirs")
    check("clusters", "the log of a node says so", "a node of another cluster" in theirs.log.read_text())


def begun_again(ours, theirs):
    """A beginning with somebody who has begun."""
    fresh = Node(7)
    introduce([fresh, theirs])
    wait_for(10, lambda: len(fresh.ask("/raft-metrics")[1]) > 0)
    body = {"initial_members": [{"id": n.id, "addr": n.addr} for n in (fresh, theirs)]}
    status, reply, _ = fresh.ask("/init", body)
    check("clusters", "no cluster begins with a node of another one", (status, reply.get("code")) ==
          (400, "ALREADY_INITIALIZED") and f"node {theirs.id} is in a cluster already" in reply["error"], reply)
    check("clusters", "... and nothing was written", fresh.ask("/leader")[1]["leader"] is None and
          fresh.write("k", "v")[1].get("code") == "NOT_INITIALIZED")
    fresh.kill()


def added_while_it_was_down(ours, theirs):
    """Nobody alive knew where it is from: it is a learner that nobody hears, and is not promoted."""
    for n in [theirs, *ours]:
        n.kill()
    for n in ours:
        n.start()
    introduce(ours)
    wait_for(15, lambda: leader_of(ours))
    status, reply, _ = ours[0].ask("/add-learner", {"learner": {"id": theirs.id, "addr": "127.0.0.1:1"}})
    check("clusters", "one that is down is added", status == 200, reply)
    theirs.start()
    introduce([ours[0], theirs])
    rc, _, err = cluster(ours[1], "promote", str(theirs.id))
    check("clusters", "... and not promoted when it comes", rc == 1 and f"aspen cluster remove {theirs.id}" in err and
          "another cluster" in err, (rc, err))
    check("clusters", "... nor has it taken an entry of ours", theirs.read("k")[1].get("value") == "theirs" and
          members_of(theirs)[1] == [theirs.id], theirs.ask("/raft-metrics")[1])
    rc, _, err = cluster(ours[1], "remove", str(theirs.id))
    check("clusters", "... and may be removed", rc == 0, err)


def emptied(ours, theirs):
    """What it says is what works."""
    theirs.kill()
    shutil.rmtree(theirs.dir)
    theirs.start()
    rc, _, err = cluster(ours[0], "add", f"{theirs.id}={theirs.addr}")
    check("clusters", "emptied, it is added", rc == 0, err)
    rc, _, err = cluster(ours[0], "promote", str(theirs.id))
    check("clusters", "... and promoted", rc == 0, err)
    check("clusters", "... with the data of its cluster",
          wait_for(10, lambda: theirs.read("k")[1].get("value") == "ours"), theirs.read("k"))


def main():
    ours, theirs = [Node(1), Node(2), Node(3)], Node(5)
    init(ours)
    init([theirs])
    wait_for(15, lambda: leader_of(ours))
    wait_for(15, lambda: leader_of([theirs]))
    ours[0].write("k", "ours")
    theirs.write("k", "theirs")
    elsewhere_is_refused(ours, theirs)
    theirs.kill()  # what it is of is not forgotten by a crash
    theirs.start()
    introduce([*ours, theirs])
    wait_for(10, lambda: leader_of([theirs]))
    rc, _, err = cluster(ours[0], "add", f"{theirs.id}={theirs.addr}")
    check("clusters", "nor after a crash", rc == 1 and "another cluster" in err, (rc, err))
    begun_again(ours, theirs)
    added_while_it_was_down(ours, theirs)
    emptied(ours, theirs)
    codes = [n.stop()[0] for n in [*ours, theirs]]
    check("clusters", "all stop cleanly", codes == [0] * 4, codes)
    done()


main()
