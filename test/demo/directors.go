// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// keepalivedConf is a director's configuration: what anybody would write.
const keepalivedConf = `# director %[1]s
global_defs {
    router_id director-%[1]s
    notification_email {
        ops@example.org
    }
    notification_email_from director-%[1]s@example.org
    smtp_server %[2]s
    smtp_alert
    enable_traps
    enable_snmp_vrrp
    script_user root
}

vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority %[3]d
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass demo
    }
    virtual_ipaddress {
        %[4]s/24 dev eth0
    }
    notify %[5]s/notify-%[1]s
}
`

// vigilYAML says how a director is observed.
const vigilYAML = `web:
  listen: ["0.0.0.0:10112"]
control:
  socket: %[1]s/%[2]s.sock
log:
  format: json
otlp:
  endpoint: http://%[3]s:4318
snmp:
  master: tcp:%[3]s:%[4]d
webhooks:
  - name: watch
    url: http://%[3]s:8080/vigil
    secret: %[5]s
`

// notifyScript writes down how it was called.
const notifyScript = `#!/bin/sh
out=%[1]s/.script-%[2]s-$$
{
	echo "arguments: $*"
	echo "VIGIL_EVENT_ID=$VIGIL_EVENT_ID"
	echo "TRACEPARENT=$TRACEPARENT"
	echo "VIGIL_REASON=$VIGIL_REASON"
} >"$out"
mv "$out" %[1]s/script-%[2]s-$$
`

// director is one of the two.
type director struct {
	name     string
	priority int
	agentx   int
	bin      string
	lab      *lab
	p        *proc
	starts   int
}

func (d *director) file(suffix string) string { return filepath.Join(d.lab.dir, d.name+suffix) }

// configure writes the director's files.
func (d *director) configure() error {
	script := filepath.Join(d.lab.dir, "notify-"+d.name)
	for path, f := range map[string]struct {
		text string
		mode os.FileMode
	}{
		d.file(".conf"): {fmt.Sprintf(keepalivedConf, d.name, addrWatch, d.priority, vip, d.lab.dir), 0o644},
		d.file(".yaml"): {fmt.Sprintf(vigilYAML, d.lab.dir, d.name, addrWatch, d.agentx, webhookSecret), 0o644},
		script:          {fmt.Sprintf(notifyScript, d.lab.dir, d.name), 0o755},
	} {
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

// start starts the director in a process namespace of its own, so that one
// SIGKILL ends all its processes at the same instant, like a pulled plug.
func (d *director) start() error {
	d.starts++
	name := d.name
	if d.starts > 1 {
		name += "-" + strconv.Itoa(d.starts)
	}
	var err error
	d.p, err = d.lab.start(d.name, name, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
		filepath.Join(d.bin, "vigild"), "--dont-fork", "--log-console", "--use-file", d.file(".conf"), "--settings", d.file(".yaml"),
		"--pid", d.file(".pid"), "--vrrp_pid", d.file("-vrrp.pid"))
	return err
}

// pull ends the director as a power cut does.
func (d *director) pull() { d.p.kill(syscall.SIGKILL) }

// ctl runs vigilctl against the director.
func (d *director) ctl(ctx context.Context, args ...string) (string, error) {
	argv := append([]string{filepath.Join(d.bin, "vigilctl"), "--socket", d.file(".sock")}, args...)
	return d.lab.run(ctx, d.name, argv...)
}

// is says whether the director reports the state for its instance.
func (d *director) is(ctx context.Context, state string) bool {
	out, err := d.ctl(ctx, "status", "--json")
	if err != nil {
		return false
	}
	var v struct {
		Instances []struct {
			Name  string `json:"name"`
			State string `json:"state"`
		} `json:"instances"`
	}
	if json.Unmarshal([]byte(out), &v) != nil {
		return false
	}
	for _, i := range v.Instances {
		if i.Name == "VI_1" && i.State == state {
			return true
		}
	}
	return false
}

// reach waits until the director reports the state.
func (d *director) reach(ctx context.Context, state string, within time.Duration) error {
	return until(ctx, within, "director "+d.name+" in "+state, func() bool { return d.is(ctx, state) })
}
