// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vigil

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/vrrp"
)

// write puts a vigil.yaml into a directory of the test.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestLayers: defaults, over them the file, over it the environment, over it the flags.
func TestLayers(t *testing.T) {
	file := write(t, "web:\n  listen: [\"127.0.0.1:1\", \"[::1]:2\"]\nlog:\n  format: json\n  level: debug\nretention:\n  events: 5\notlp:\n  headers:\n    X-A: b\n  timeout: 3s\n")
	flags := pflag.NewFlagSet("t", pflag.ContinueOnError)
	Flags(flags)
	if err := flags.Parse([]string{"--log.level=error", "--web.listen=:9,:10"}); err != nil {
		t.Fatal(err)
	}
	o, err := Load(From{File: file, Flags: flags, Environ: []string{
		"HOME=/x", "VIGIL_LOG_LEVEL=warn", "VIGIL_RETENTION_EVENTS=6", "VIGIL_OTLP_ENDPOINT=http://c:4318", "VIGIL_EVENT_ID=abc", "VIGIL_SNMP_ENABLED=true",
		"VIGIL_SNMP_CONFLICT_TRAPS=true", "VIGIL_WEB_LIFECYCLE=true", "VIGIL_VRRP_ADDRESS_REMOVED=restore", "VIGIL_VRRP_SELF_SUSPICION=false",
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		o.Web.Listen, o.Log.Format, o.Log.Level, o.Retain.Events, o.OTLP.Headers, o.OTLP.Timeout, o.OTLP.Endpoint, o.SNMP.Enabled, o.SNMP.Master, o.Sampling.Slow, o.OTLP.Traces,
		o.SNMP.ConflictTraps, o.Web.Lifecycle, o.VRRP,
	}
	want := []any{[]string{":9", ":10"}, "json", "error", 6, map[string]string{"X-A": "b"}, 3 * time.Second, "http://c:4318", true, "/var/agentx/master", time.Second, true, true, true, Judgement{"restore", false}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// TestDefaults: no file at the default place is no error, and the defaults are good.
func TestDefaults(t *testing.T) {
	o, err := Load(From{File: write(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.Web.Listen, []string{":10112"}) || o.Control.Socket == "" || o.Retain.Events != 10_000 || o.SMTP.TLS != "none" || len(o.Webhooks) > 0 ||
		o.Web.Lifecycle || o.SNMP.ConflictTraps {
		t.Errorf("defaults %+v", o)
	}
	if _, err := Load(From{File: "/nonexistent/vigil.yaml"}); err == nil {
		t.Error("a file that was named and is not there is no error")
	}
}

// TestErrors: each names the key.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"web:\n  lisen: [\":1\"]\n":                                             `there is no setting web/lisen, did you mean web/listen?`,
		"wob: 1\n":                                                              `there is no setting wob`,
		"web: [\n":                                                              `vigil.yaml: yaml:`,
		"web:\n  listen: [\"10112\"]\n":                                         `web/listen: "10112" is not host:port`,
		"web:\n  listen: [\":70000\"]\n":                                        `web/listen: ":70000" is not host:port`,
		"log:\n  level: loud\n":                                                 `log/level: "loud" is not debug, info, warn, error`,
		"log:\n  format: xml\n":                                                 `log/format: "xml" is not`,
		"otlp:\n  protocol: udp\n":                                              `otlp/protocol: "udp" is not http/protobuf, grpc`,
		"otlp:\n  endpoint: collector:4317\n":                                   `otlp/endpoint: "collector:4317" is not a URL`,
		"otlp:\n  timeout: 0s\n":                                                `otlp/timeout: "0s" is not a time above 0`,
		"otlp:\n  timeout: soon\n":                                              `timeout`,
		"smtp:\n  tls: ssl\n":                                                   `smtp/tls: "ssl" is not none, starttls, tls`,
		"smtp:\n  password: a\n  password_file: b\n":                            `smtp/password and smtp/password_file exclude each other`,
		"control:\n  mode: rw\n":                                                `control/mode: "rw" is not an octal file mode`,
		"retention:\n  events: 0\n":                                             `retention/events: "0" is not from 1 to 1000000`,
		"metrics:\n  tier: most\n":                                              `settings: metrics/tier: "most" is not aggregate, basic, full`,
		"sampling:\n  ratio: 2\n":                                               `sampling/ratio: "2" is not from 0 to 1`,
		"webhooks:\n  - url: ftp://x\n":                                         `webhooks/0/url: "ftp://x" is not a URL with http or https`,
		"webhooks:\n  - url: http://x\n  - url: http://x\n":                     `there are two webhooks named "x"`,
		"webhooks:\n  - url: http://x\n    secrt: s\n":                          `invalid keys: secrt`,
		"webhooks:\n  - url: http://x\n    key_file: s\n":                       `webhooks/0/cert_file and key_file belong together`,
		"smtp:\n  auth: ntlm\n":                                                 `smtp/auth: "ntlm" is not auto, plain`,
		"smtp:\n  style: loud\n":                                                `smtp/style: "loud" is not keepalived, explained`,
		"smtp:\n  spool: here\n":                                                `smtp/spool: "here" is not an absolute path`,
		"smtp:\n  digest_after: -1\n":                                           `smtp/digest_after`,
		"webhooks:\n  - url: http://x\n    only: {kinds: [exec.done]}\n":        `webhooks/0/only/kinds: exec.done is not one of`,
		"webhooks:\n  - url: http://x\n    only: {states: [master]}\n":          `webhooks/0/only/states: `,
		"webhooks:\n  - url: http://x\n    only: {reasons: [bad luck]}\n":       `webhooks/0/only/reasons: `,
		"webhooks:\n  - url: http://x\n    only: {names: [\"[\"]}\n":            `webhooks/0/only/names: "["`,
		"webhooks:\n  - url: http://x\n    template: a\n    template_file: b\n": `webhooks/0/template and template_file exclude each other`,
		"webhooks:\n  - url: http://x\n    timeout: -1s\n":                      `webhooks/0: a time or count below 0`,
	} {
		_, err := Load(From{File: write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v\nwant %s", text, err, want)
		}
	}
	if _, err := Load(From{File: write(t, ""), Environ: []string{"VIGIL_WEB_LISEN=:1"}}); err == nil || !strings.Contains(err.Error(), "VIGIL_WEB_LISEN") {
		t.Errorf("an unknown variable gives %v", err)
	}
}

// TestApply puts the rest of mail and the webhooks into the notifiers.
func TestApply(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte("s3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := Load(From{File: write(t, "smtp:\n  tls: starttls\n  username: u\n  password_file: "+secretFile+"\n  helo: h\n"+
		"  auth: login\n  style: explained\n  template_file: "+secretFile+"\n  digest_after: 5\n  digest_wait: 3s\n  spool: /var/spool/v\n  spool_bytes: 9\n  file: /tmp/x\n"+
		"webhooks:\n  - url: https://hooks.example.org/v\n    secret_file: "+secretFile+"\n    headers: {X-Y: z}\n    timeout: 2s\n    retries: 3\n"+
		"    template: slack\n    type: text/plain\n    proxy: direct\n    only: {kinds: [vrrp.state], names: [\"VI_*\"], states: [FAULT], reasons: [interface]}\n")})
	if err != nil {
		t.Fatal(err)
	}
	n := notify.Settings{SMTP: notify.SMTPSettings{Server: "mail", Helo: "old"}}
	if err := o.Apply(&n, "r1"); err != nil {
		t.Fatal(err)
	}
	if s := n.SMTP; s.TLS != notify.TLSStartTLS || s.User != "u" || s.Password != "s3" || s.Helo != "h" || s.Server != "mail" {
		t.Errorf("mail %+v", s)
	}
	if s := n.SMTP; s.Auth != "login" || s.Style != notify.StyleExplained || s.Template != "s3\n" || s.DigestAfter != 5 || s.DigestWait != 3*time.Second ||
		s.Spool != "/var/spool/v" || s.SpoolMax != 9 || s.File != "/tmp/x" {
		t.Errorf("mail %+v", s)
	}
	want := notify.WebhookSettings{
		Template: "slack", Type: "text/plain", Proxy: "direct", Only: notify.WebhookFilter{
			Kinds: []event.Kind{event.VRRPState}, Names: []string{"VI_*"}, States: []event.State{event.Fault}, Reasons: []event.Reason{event.Interface},
		},
		Name: "hooks.example.org", URL: "https://hooks.example.org/v", Node: "r1", Secret: "s3",
		Headers: map[string]string{"X-Y": "z"}, Timeout: 2 * time.Second, MaxTries: 4,
	}
	if len(n.Webhooks) != 1 || !reflect.DeepEqual(n.Webhooks[0], want) {
		t.Errorf("webhooks %+v", n.Webhooks)
	}
	o.SMTP.PasswordFile = "/nonexistent"
	if err := o.Apply(&n, "r1"); err == nil || !strings.Contains(err.Error(), "smtp/password_file") {
		t.Errorf("a secret that cannot be read: %v", err)
	}
}

// TestExample: the example that is shipped is good as it is, and with every line of it in force.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../dist/vigil.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inForce := regexp.MustCompile(`(?m)^# ( *[a-z_]+:|  +- )`).ReplaceAllString(string(text), "$1")
	for _, text := range []string{string(text), inForce} {
		o, err := Load(From{File: write(t, text)})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if text == inForce && (len(o.Webhooks) != 1 || o.OTLP.Endpoint == "") {
			t.Errorf("not everything is in force: %+v", o)
		}
	}
}

// TestJudgement: the choices reach the settings of the vrrp role, and by default they are keepalived's.
func TestJudgement(t *testing.T) {
	for text, want := range map[string]vrrp.Settings{
		"":                                       {},
		"vrrp:\n  address_removed: restore\n":    {AddressRemoved: vrrp.Restore},
		"vrrp:\n  address_removed: alert\n":      {AddressRemoved: vrrp.Alert},
		"vrrp:\n  address_removed: keepalived\n": {},
		"vrrp:\n  self_suspicion: false\n":       {TrustSelf: true},
	} {
		o, err := Load(From{File: write(t, text)})
		if err != nil {
			t.Fatal(err)
		}
		var got vrrp.Settings
		if o.VRRP.Apply(&got); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if _, err := Load(From{File: write(t, "vrrp:\n  address_removed: panic\n")}); err == nil || !strings.Contains(err.Error(), `vrrp/address_removed: "panic" is not keepalived, restore, alert`) {
		t.Error(err)
	}
}
