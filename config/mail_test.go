// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"testing"

	"github.com/vigild/vigild/config/syntax"
)

// The mail server is shown by its address where that is known, and mail goes to it by name.
func TestMailServer(t *testing.T) {
	for name, want := range map[string]string{
		"mail.example.org": "192.0.2.25", "mail.example.net": "mail.example.net", "mail.example.com": "mail.example.com",
		"2001:DB8::25": "2001:db8::25", "127.0.0.1": "127.0.0.1",
	} {
		b := &builder{c: &Config{}, e: testEnvironment(true)}
		b.c.Notify.SMTP.Server, b.c.mailServer = name, b.resolveHost(name, syntax.Pos{})
		row := b.c.Rows(RowsOf{})[0].Global
		if row.SMTPServer != want || row.SMTPPort != 25 {
			t.Errorf("%s is shown as %s:%d", name, row.SMTPServer, row.SMTPPort)
		}
		if known := len(b.found) == 0; known != (name != "mail.example.com") {
			t.Errorf("%s: %v", name, b.found)
		}
	}
	if a := (&builder{}).resolveHost("192.0.2.1", syntax.Pos{}); a != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("an address is %v", a)
	}
}
