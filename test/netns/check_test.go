// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// dry keeps vigild from the kernel's IPVS, which this kernel may not have.
var dry = lab.Flags("--dataplane=dry-run")

// serve listens on a router and closes, or holds, each connection.
func serve(t *testing.T, r *lab.Router, port int, hold bool) net.Listener {
	t.Helper()
	var l net.Listener
	r.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	go func() {
		var held []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			if !hold {
				c.Close()
				continue
			}
			held = append(held, c)
		}
		for _, c := range held {
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l
}

// said is one line of vigild's log.
type said struct{ Msg, Subject, From, To, Reason string }

// lines are those of a kind, about a subject that ends like this.
func lines(d *lab.Daemon, kind, subject string) (out []said) {
	for text := range strings.SplitSeq(d.Said(), "\n") {
		var one said
		if json.Unmarshal([]byte(text), &one) == nil && one.Msg == kind && strings.HasSuffix(one.Subject, subject) {
			out = append(out, one)
		}
	}
	return out
}

// goes waits for the next change of a server.
func goes(t *testing.T, d *lab.Daemon, subject, to, reason string, n int) {
	t.Helper()
	lab.Until(t, 20*time.Second, fmt.Sprintf("%s goes %s for %s", subject, to, reason), func() bool {
		all := lines(d, "server.state", subject)
		return len(all) == n && all[n-1].To == to && all[n-1].Reason == reason
	})
}

func TestServersThatDieHangAndComeBack(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, far := l.Router("a", w), l.Router("far", w)
	open := serve(t, far, 8001, false)
	mute := serve(t, far, 8002, true)
	flag := filepath.Join(l.Dir(), "up")
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(`virtual_server 10.9.0.1 80 {
    delay_loop 0.1
    warmup 0
    retry 1
    delay_before_retry 0.1
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server %[1]v 8001 {
        TCP_CHECK {
            connect_timeout 5
        }
    }
    real_server %[1]v 8002 {
        SMTP_CHECK {
            connect_timeout 0.5
        }
    }
    real_server %[1]v 8003 {
        MISC_CHECK {
            misc_path "/bin/test -e %[2]s"
            misc_timeout 10
            retry 0
        }
    }
}
`, far.Addr4(0), flag)
	d := a.Start(lab.Vigild, conf, dry)
	at := func(port int) string { return fmt.Sprintf("/%v:%d", far.Addr4(0), port) }
	goes(t, d, at(8002), "DOWN", "read_timeout", 1)
	open.Close()
	goes(t, d, at(8001), "DOWN", "connect_refused", 1)
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	goes(t, d, at(8003), "DOWN", "script_exit", 1)
	lab.Until(t, soon, "the quorum is lost", func() bool {
		all := lines(d, "service.quorum", "10.9.0.1:80")
		return len(all) > 0 && all[len(all)-1].To == "DOWN"
	})
	if table := d.Ctl("ipvs"); table != "-A -t 10.9.0.1:80 -s rr\n" {
		t.Errorf("the table is\n%s", table)
	}
	serve(t, far, 8001, false)
	goes(t, d, at(8001), "UP", "recovered", 2)
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	goes(t, d, at(8003), "UP", "recovered", 2)

	// A reload that changes nothing, and the end of the check role, say nothing about anybody.
	before := len(lines(d, "server.state", "")) + len(lines(d, "service.quorum", ""))
	d.Rewrite(conf)
	lab.Until(t, soon, "a reload", func() bool { return len(lines(d, "config.loaded", "")) == 2 })
	killRole(t, d, "check")
	lab.Until(t, soon, "a new check role", func() bool {
		n := 0
		for _, one := range lines(d, "worker.started", "worker/check") {
			if one.To == "UP" {
				n++
			}
		}
		return n == 2
	})
	// The new one knows what was down, and finds out what changes.
	mute.Close()
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	goes(t, d, at(8003), "DOWN", "script_exit", 3)
	if after := len(lines(d, "server.state", "")) + len(lines(d, "service.quorum", "")); after != before+1 {
		t.Errorf("%d changes were told, want one more than %d:\n%s", after, before, d.Said())
	}
	if status := d.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestInstanceFollowsTheQuorum(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b, far := l.Router("a", w), l.Router("b", w), l.Router("far", w)
	open := serve(t, far, 8001, false)
	instance := func(priority int, more string) string {
		return fmt.Sprintf(`vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 7
    priority %d
    advert_int 1
    virtual_ipaddress { 10.0.1.1/16 }
%s}
`, priority, more)
	}
	m := a.Start(lab.Vigild, instance(200, "    track_virtual_server { \"10.9.0.1 80\" }\n")+fmt.Sprintf(`virtual_server 10.9.0.1 80 {
    delay_loop 0.1
    warmup 0
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server %v 8001 {
        TCP_CHECK {
            retry 0
        }
    }
}
`, far.Addr4(0)), dry)
	m.Wait("VI_1", lab.Master, 20*time.Second)
	s := b.Start(lab.Vigild, instance(100, ""))
	s.Wait("VI_1", lab.Backup, 20*time.Second)
	open.Close()
	m.Wait("VI_1", lab.Fault, 20*time.Second)
	s.Wait("VI_1", lab.Master, 20*time.Second)
	if why := m.Ctl("why", "VI_1"); !strings.Contains(why, "irtual server tcp/10.9.0.1:80") {
		t.Errorf("why does not name the virtual server:\n%s", why)
	}
	// A new vrrp role knows of it before it begins.
	killRole(t, m, "vrrp")
	lab.Until(t, soon, "a new vrrp role", func() bool { return len(lines(m, "worker.started", "worker/vrrp")) == 2 })
	serve(t, far, 8001, false)
	m.Wait("VI_1", lab.Master, 20*time.Second)
	s.Wait("VI_1", lab.Backup, 20*time.Second)
}
