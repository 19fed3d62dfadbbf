// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/dashboards"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/otlp"
)

// watched is a director for Prometheus: an instance that follows a file, and a
// virtual server with two real ones.
const watched = `track_file flag {
    file %[1]s/flag-%[2]s
    weight 0
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 51
    priority %[3]d
    advert_int 0.2
    track_file {
        flag
    }
    virtual_ipaddress {
        10.0.0.100/16 dev eth0
    }
}
virtual_server 10.9.0.1 80 {
    delay_loop 0.5
    warmup 0
    retry 0
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server %[4]v 8001 {
        TCP_CHECK {
            connect_timeout 1
        }
    }
    real_server %[4]v 8002 {
        HTTP_GET {
            url {
                path /
                status_code 200
            }
            connect_timeout 1
        }
    }
}
`

// busy are what a machine that is busy with other tests may make true.
var busy = []string{
	"VigilVRRPNearMisses", "VigilVRRPAdvertLoss", "VigilVRRPSelfSuspicion", "VigilVRRPSlowFailover", "VigilEventLoopLag", "VigilCheckSaturated",
}

// TestWhatPrometheusMakesOfIt has the real Prometheus and Alertmanager watch two
// directors with our rules while they fail in turn: the alerts that should fire
// do, no other does, and who is to be woken is. Then every panel of the
// dashboards has data, and an exemplar leads to its trace.
func TestWhatPrometheusMakesOfIt(t *testing.T) {
	t.Parallel()
	o := observe(t, "--dataplane=dry-run")
	o.web(8001, nil)
	page := o.web(8002, nil)
	start := func(d *director, priority int) {
		if err := os.WriteFile(o.lab.Dir()+"/flag-"+d.Host, []byte("0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		o.start(d, fmt.Sprintf(watched, o.lab.Dir(), d.Host, priority, o.watch.Addr4(0)), lab.Web(fmt.Sprintf("%v:10112", d.Addr4(1))))
	}
	start(o.a, 150)
	start(o.b, 100)
	o.calm()
	m := o.monitor()
	_ = page
	// What every start and failover leaves behind for a while.
	after := append([]string{"VigilVRRPUnexpectedFailover", "VigilVRRPNotPreferredMaster", "VigilVRRPNoRedundancy", "VigilIPVSUnavailable"}, busy...)
	m.stage(t, "all is well", []string{"VigilIPVSUnavailable"}, busy)
	o.a.Kill()
	m.stage(t, "the master is killed", []string{"VigilDown", "VigilVRRPUnexpectedFailover", "VigilVRRPNoRedundancy"}, after)
	lab.Until(t, time.Minute, "somebody is woken", func() bool { return m.pages.has("pager", "VigilDown") })
	start(o.a, 150)
	o.calm()
	m.quiet(t, "the master is back", after...)
	o.a.Mute(0)
	m.stage(t, "split brain", []string{"VigilVRRPSplitBrain"}, append(after, "VigilVRRPSplitBrainSuspected", "VigilVRRPConflictingAdverts", "VigilVRRPFlapping"))
	lab.Until(t, time.Minute, "somebody is woken", func() bool { return m.pages.has("pager", "VigilVRRPSplitBrain") })
	o.a.Unmute(0)
	o.calm()
	m.quiet(t, "the network is whole", append(after, "VigilVRRPFlapping")...)
	page.is(wrongStatus)
	m.stage(t, "a real server fails", []string{"VigilVirtualServerDegraded", "VigilRealServerDown"}, append(after, "VigilVRRPFlapping"))
	page.is(good)
	m.quiet(t, "it is back", append(after, "VigilVRRPFlapping", "VigilVirtualServerBudgetBurn")...)
	if err := syscall.Kill(o.a.RolePID("check"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.stage(t, "the checks of one director stand still", []string{"VigilCheckStalled"}, append(after, "VigilVRRPFlapping", "VigilCheckDisagreement"))
	o.a.all(syscall.SIGCONT)
	m.panels(t)
	m.exemplar(t)
}

// panels asks every panel's queries over all that has happened.
func (m *monitoring) panels(t *testing.T) {
	fill := strings.NewReplacer("$__rate_interval", "5s", "$__range", "5m", "$__interval", "1s",
		"$cluster", ".*", "$job", ".*", "$instance", ".*", "$vrrp_instance", ".*", "$virtual_server", ".*", "$real_server", ".*", "$checker", ".*")
	asked, empty := 0, 0
	for _, d := range dashboards.All() {
		for _, row := range d.Rows {
			for i := range row.Panels {
				p := &row.Panels[i]
				found := false
				for _, target := range p.Targets {
					var out struct{ Result []any }
					err := m.ask("query_range", url.Values{
						"query": {fill.Replace(target.Query())}, "step": {"1"},
						"start": {fmt.Sprint(m.started.Unix())}, "end": {fmt.Sprint(time.Now().Unix())},
					}, &out)
					if err != nil {
						t.Errorf("%s, %s: %v", d.Title, p.Title, err)
					}
					found = found || len(out.Result) > 0
				}
				asked++
				switch {
				case found:
				case p.Empty != "":
					empty++
				default:
					t.Errorf("%s, %s has no data: %v", d.Title, p.Title, p.Targets)
				}
			}
		}
	}
	t.Logf("| %d panels asked, %d empty, which is good", asked, empty)
}

// exemplar follows the exemplar of a takeover to the collector.
func (m *monitoring) exemplar(t *testing.T) {
	var found []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	lab.Until(t, soon, "the takeover has an exemplar", func() bool {
		err := m.ask("query_exemplars", url.Values{
			"query": {`vigil_vrrp_transitions_total{instance="b",to="master"}`},
			"start": {fmt.Sprint(m.started.Unix())}, "end": {fmt.Sprint(time.Now().Unix())},
		}, &found)
		return err == nil && len(found) > 0 && len(found[0].Exemplars) > 0
	})
	id := found[0].Exemplars[0].Labels["trace_id"]
	spans, _, err := otlp.Read(m.o.spans)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		if s.Trace == id {
			return
		}
	}
	t.Errorf("the collector has no trace %s", id)
}
