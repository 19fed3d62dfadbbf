// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// followed is an instance of the master with everything that it can follow.
const followed = `vrrp_script ok {
    script "/usr/bin/test ! -e %[1]s/fail"
    interval 1
    timeout 5
    fall 1
    rise 1
}
vrrp_script quick {
    script "%[1]s/quick"
    interval 1
    timeout 1
    fall 1
    rise 1
}
vrrp_script heavy {
    script "/usr/bin/test ! -e %[1]s/heavy"
    interval 1
    weight -100
    fall 1
    rise 1
}
track_file flag {
    file %[1]s/flag
    weight 1
}
bfd_instance gw {
    neighbor_ip %[2]v
    source_ip %[3]v
    min_rx 100
    min_tx 100
    multiplier 3
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 51
    priority 150
    advert_int 0.2
    track_interface {
        other0
    }
    track_script {
        ok
        quick
        heavy
    }
    track_file {
        flag weight 1
    }
    track_bfd {
        gw
    }
    virtual_ipaddress {
        10.0.0.100/16 dev eth0
    }
}
`

// TestWhatIsFollowed has the master lose, one by one, what it follows.
func TestWhatIsFollowed(t *testing.T) {
	t.Parallel()
	o := observe(t)
	dir := o.lab.Dir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(name string) {
		if err := os.Remove(path(name)); err != nil {
			t.Fatal(err)
		}
	}
	// The shell that hangs leaves a child that has to go too.
	o.lab.File("quick", fmt.Sprintf("#!/bin/sh\nif [ -e %[1]s/hang ]; then sleep 600; fi\nif [ -e %[1]s/flap ]; then exit $(($(date +%%s) / 2 %% 2)); fi\n", dir), 0o755)
	write("flag", "0\n")
	o.a.IP("link add other0 type veth peer name other1", "link set other1 up", "link set other0 up")
	gate := func() *lab.Daemon {
		return o.watch.Start(lab.Vigild, fmt.Sprintf("bfd_instance a {\n neighbor_ip %v\n min_rx 100\n min_tx 100\n multiplier 3\n}\n", o.a.Addr4(1)))
	}
	far := gate()
	o.start(o.a, fmt.Sprintf(followed, dir, o.watch.Addr4(0), o.a.Addr4(1)))
	o.start(o.b, fmt.Sprintf(pair, 100, ""))
	faulty := func(f fault) fault {
		f.at, f.kind, f.subject, f.to, f.reason = o.a, "vrrp.state", "VI_1", "FAULT", "tracking"
		return f
	}
	byHand := func(args ...string) func() { return func() { o.a.IP(strings.Join(args, " ")) } }
	for _, f := range []fault{
		faulty(fault{
			what: "script fails", act: func() { write("fail", "") }, mend: func() { remove("fail") },
			sentence: `^VI_1 went from MASTER to FAULT: the tracked script ok is down \(it ended with status 1\), and this instance cannot do without it$`,
		}),
		faulty(fault{
			what: "script hangs", act: func() { write("hang", "") }, mend: func() { remove("hang") },
			sentence: `^VI_1 went from MASTER to FAULT: the tracked script quick is down \(it was ended after \S+ s because it took too long\)`,
		}),
		faulty(fault{
			what: "script flaps", act: func() { write("flap", "") }, mend: func() { remove("flap") },
			sentence: `^VI_1 went from MASTER to FAULT: the tracked script quick is down \(it ended with status 1\)`,
		}),
		{
			what: "script with a weight fails", act: func() { write("heavy", "") }, mend: func() { remove("heavy") },
			at: o.a, kind: "vrrp.state", subject: "VI_1", to: "BACKUP", reason: "higher_priority",
			sentence: `10\.0\.0\.2 \(priority 100\) advertises a higher priority than this router \(50\), so this router stepped back\. Its own priority is low because the tracked script heavy is down`,
			why:      []string{`150 base .*script heavy.* = 50`},
		},
		faulty(fault{
			what: "file says no", act: func() { write("flag", "-255\n") }, mend: func() { write("flag", "0\n") },
			sentence: `^VI_1 went from MASTER to FAULT: the tracked file flag is down \(it says -255\)`,
		}),
		faulty(fault{
			what: "BFD session lost", act: func() { far.Kill() }, mend: func() { far = gate() },
			sentence: `^VI_1 went from MASTER to FAULT: the BFD session gw is down`,
		}),
		{
			what: "tracked interface", act: byHand("link set other0 down"), mend: byHand("link set other0 up"),
			at: o.a, kind: "vrrp.state", subject: "VI_1", to: "FAULT", reason: "interface",
			sentence: `^VI_1 went from MASTER to FAULT: interface other0 is down`,
		},
		{
			what: "address removed by hand", act: byHand("addr del 10.0.0.100/16 dev eth0"),
			at: o.a, kind: "vrrp.state", subject: "VI_1", to: "BACKUP", reason: "address_gone",
			sentence: `somebody else removed 10\.0\.0\.100 from this host`,
		},
	} {
		o.calm()
		o.try(t, f)
	}
	o.calm()
}
