// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/otlp"
)

const (
	starting = 30 * time.Second
	soon     = 20 * time.Second
)

// observatory is two directors on a wire and a host on a second wire to which
// they tell everything.
type observatory struct {
	t     *testing.T
	lab   *lab.Lab
	wire  *lab.Wire
	a, b  *director
	watch *lab.Router
	hooks hooks
	mails mailbox
	traps *lab.Program
	spans string // the file of the collector
}

// director is one of the two routers; eth0 is on the wire of the fault, eth1 on
// that of the exits.
type director struct {
	*lab.Router
	*lab.Daemon
	agentx string
	flags  []string
}

// observe builds the network and starts what listens.
func observe(t *testing.T, flags ...string) *observatory {
	t.Helper()
	l := lab.New(t)
	o := &observatory{t: t, lab: l, wire: l.Wire(), spans: filepath.Join(l.Dir(), "otlp.json")}
	back := l.Wire()
	o.a = &director{Router: l.Router("a", o.wire, back), flags: flags}
	o.b = &director{Router: l.Router("b", o.wire, back), flags: flags}
	o.watch = l.Router("watch", back)
	bin, err := otlp.Build(t.Context(), "../../..")
	if err != nil {
		t.Fatal(err)
	}
	collector := o.watch.Program("otelcol", append([]string{bin}, otlp.Arguments("127.0.0.1:4317", o.host(4318), o.spans)...)...)
	o.serve()
	o.snmp()
	lab.Until(t, starting, "the collector listens", func() bool {
		if status, ended := collector.Ended(); ended {
			t.Fatalf("the collector ended with %d: %s", status, collector.Said())
		}
		conn, err := o.watch.Dial(t.Context(), "tcp", o.host(4318))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return o
}

func (o *observatory) host(port int) string { return fmt.Sprintf("%v:%d", o.watch.Addr4(0), port) }

// serve starts the receivers of mails and webhooks.
func (o *observatory) serve() {
	var mail, hook net.Listener
	o.watch.Do(func() (err error) {
		if mail, err = net.Listen("tcp", o.host(25)); err == nil {
			hook, err = net.Listen("tcp", o.host(8080))
		}
		return err
	})
	s := smtp.NewServer(&o.mails)
	s.Domain, s.ReadTimeout, s.WriteTimeout = "watch", time.Minute, time.Minute
	web := &http.Server{Handler: &o.hooks, ReadHeaderTimeout: time.Minute}
	var ended sync.WaitGroup
	ended.Go(func() { _ = s.Serve(mail) })
	ended.Go(func() { _ = web.Serve(hook) })
	o.t.Cleanup(func() {
		_ = s.Close()
		_ = web.Close()
		ended.Wait()
	})
}

// snmp starts an snmpd beside each director and one receiver of their traps.
func (o *observatory) snmp() {
	env := []string{"env", "SNMPCONFPATH=" + o.lab.Dir(), "MIBS=", "SNMP_PERSISTENT_DIR="}
	conf := o.lab.File("snmptrapd.conf", "disableAuthorization yes\n", 0o644)
	start := func(r *lab.Router, name string, argv ...string) *lab.Program {
		own := slices.Clone(env)
		own[len(own)-1] += filepath.Join(o.lab.Dir(), name)
		return r.Program(name, append(own, argv...)...)
	}
	o.traps = start(o.watch, "snmptrapd", "snmptrapd", "-f", "-C", "-c", conf, "-On", "-Lo", "-F", `%v\n`, "udp:"+o.host(162))
	lab.Until(o.t, starting, "snmptrapd listens", func() bool { return strings.Contains(o.traps.Said(), "NET-SNMP version") })
	for _, d := range []*director{o.a, o.b} {
		d.agentx = filepath.Join(o.lab.Dir(), "agentx-"+d.Host)
		conf := o.lab.File("snmpd-"+d.Host+".conf", fmt.Sprintf("agentAddress udp:127.0.0.1:161\nmaster agentx\nagentXSocket %s\nagentXPerms 0777 0777\n"+
			"rocommunity public 127.0.0.1\ntrap2sink %s public\n", d.agentx, o.host(162)), 0o644)
		start(d.Router, "snmpd-"+d.Host, "snmpd", "-f", "-Lo", "-C", "-c", conf)
		lab.Until(o.t, starting, "snmpd listens", func() bool {
			conn, err := net.Dial("unix", d.agentx)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
}

// start starts vigild on a director with all its exits.
func (o *observatory) start(d *director, conf string, more ...lab.Option) {
	o.t.Helper()
	head := fmt.Sprintf("global_defs {\n    notification_email { ops@example.org }\n    notification_email_from %s@example.org\n"+
		"    smtp_server %v\n    smtp_connect_timeout 10\n    smtp_alert\n    enable_traps\n}\n", d.Host, o.watch.Addr4(0))
	yaml := fmt.Sprintf("otlp:\n  endpoint: http://%s\nwebhooks:\n  - name: watch\n    url: http://%s/\n", o.host(4318), o.host(8080))
	opts := []lab.Option{lab.YAML(yaml), lab.Flags(append(d.flags, "-x", "-A", d.agentx)...)}
	d.Daemon = d.Router.Start(lab.Vigild, head+conf, append(opts, more...)...)
}

// all sends a signal to all processes of the daemon.
func (d *director) all(sig syscall.Signal) {
	for _, pid := range d.PIDs() {
		_ = syscall.Kill(pid, sig) // one that has just ended needs none
	}
}

// document is what a webhook says, as far as it is compared.
type document struct {
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	Kind    string `json:"kind"`
	Node    string `json:"node"`
	Subject struct {
		Name   string `json:"name"`
		Server string `json:"server"`
	} `json:"subject"`
	From     string `json:"from"`
	To       string `json:"to"`
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
	Seq      uint64 `json:"seq"`
}

// hooks keeps the documents in the order in which they came.
type hooks struct {
	mu   sync.Mutex
	docs []document
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var d document
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.docs = append(h.docs, d)
}

func (h *hooks) since(n int) []document {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.docs[n:])
}

// mailbox keeps the mails in the order in which they came.
type mailbox struct {
	mu   sync.Mutex
	text []string
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *mailbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (m *mailbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (m *mailbox) Reset()                                      {}
func (m *mailbox) Logout() error                               { return nil }

func (m *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text = append(m.text, strings.ReplaceAll(string(text), "\r\n", "\n"))
	return err
}

// with returns the last mail that has all texts.
func (m *mailbox) with(texts ...string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
next:
	for _, one := range slices.Backward(m.text) {
		for _, text := range texts {
			if !strings.Contains(one, text) {
				continue next
			}
		}
		return one
	}
	return ""
}
