// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// manualFile is the manual page of keepalived.conf, which -update writes.
const manualFile = "../cmd/vigild/vigild.conf.5"

// manualHead is the part of the page that the table of keywords does not know.
const manualHead = `.\" SPDX-FileCopyrightText: The vigild authors
.\" SPDX-License-Identifier: Apache-2.0
.\" Written by the test of the table of keywords: go test ./config -update
.TH VIGILD.CONF 5 "" vigild
.SH NAME
vigild.conf \- what vigild keeps alive: the language of keepalived.conf
.SH DESCRIPTION
.BR vigild (8)
reads
.IR /etc/keepalived/keepalived.conf ,
or what
.B \-f
names. The file is that of keepalived, unchanged.
.B vigild \-t
tests it: every problem is told with its file, line and column, and what was meant where that can be guessed.
.PP
A statement is a line: a keyword, and what belongs to it. Some keywords take a block in braces, which holds statements
or a list of lines.
.SH LANGUAGE
.TP
.BR # " or " !
start a comment. \e# and \e! are the characters themselves.
.TP
.BR \(dq "text" \(dq ", '" "text" '
keep blanks and comment characters in one word.
.TP
\fBinclude\fR \fIPATTERN\fR
reads other files in this place, in the order of their names; {a,b} are alternatives. Names are relative to the file
that includes.
.TP
\fB@\fIID\fR \fIline\fR, \fB@^\fIID\fR \fIline\fR
is read only if the configuration id (option \-i, else the host name up to its first dot) is \fIID\fR, or is not.
.TP
\fB$\fINAME\fB=\fIvalue\fR
is a definition; \fB$\fINAME\fR as a word and \fB${\fINAME\fB}\fR anywhere stand for the value. A backslash at the end of a
line goes on with the next one. \fB${_ENV\fR \fINAME\fB}\fR is the environment, \fB${_INSTANCE}\fR the word of
.BR instance ,
\fB${_PWD}\fR the folder of this file, \fB${_RANDOM\fR \fILEAST MOST\fB}\fR a number, \fB${_HASH}\fR and \fB${_BANG}\fR are # and !.
.TP
\fB~SEQ(\fIvar\fB, \fIstart\fB, \fIstep\fB, \fIend\fB)\fR \fIline\fR
is the line once for each number; start and step may be left out. \fB~SEQx\fR counts in hexadecimal.
.TP
\fB~LST(\fIvar\fB, \fIvalue\fB, ...)\fR \fIline\fR
is the line once for each value; \fB~LST({\fIa\fB,\fIb\fB}, {1,2}, {3,4})\fR sets several at a time.
`

// manualTail is the rest.
const manualTail = `.SH EXAMPLE
.EX
vrrp_script web {
    script "/usr/bin/curl \-sf http://127.0.0.1/health"
    interval 2
    fall 2
    user nobody
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {
        192.0.2.10/24
    }
    track_script {
        web weight \-60
    }
    notify "/usr/local/bin/on\-change"
}
.EE
.SH FILES
.I /etc/keepalived/keepalived.conf
.SH SEE ALSO
.BR vigild (8),
.BR vigilctl (1)
`

// roff escapes text for a manual page.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// manual writes the page.
func manual() string {
	var b strings.Builder
	b.WriteString(manualHead)
	var blocks []string
	for i := range Keywords {
		if !slices.Contains(blocks, Keywords[i].Block) {
			blocks = append(blocks, Keywords[i].Block)
		}
	}
	var old []string
	for _, block := range blocks {
		heading := "AT THE TOP LEVEL"
		if block != "" {
			heading = "IN " + strings.ToUpper(strings.ReplaceAll(block, "/", ", "))
		}
		var rows strings.Builder
		for i := range Keywords {
			k := &Keywords[i]
			switch {
			case k.Block != block:
			case k.Instead != "":
				old = append(old, fmt.Sprintf(".TP\n.B %s\n%s\n", roff(k.Name), roff(k.Instead)))
			default:
				rows.WriteString(entry(k))
			}
		}
		if rows.Len() > 0 {
			fmt.Fprintf(&b, ".SH \"%s\"\n%s", roff(heading), rows.String())
		}
	}
	slices.Sort(old)
	b.WriteString(".SH OLD SPELLINGS\nThese are understood; each stands for the one beside it.\n" + strings.Join(slices.Compact(old), ""))
	b.WriteString(manualTail)
	return b.String()
}

// entry is the part about one keyword.
func entry(k *Keyword) string {
	line := `\fB` + roff(k.Name) + `\fR`
	if k.Form != "" {
		line += ` \fI` + roff(k.Form) + `\fR`
	}
	text := roff(k.Doc)
	if k.Default != "" {
		text += " Default: " + roff(k.Default) + "."
	}
	if k.Once != "" {
		text += " It is out of use: " + roff(k.Once) + "."
	}
	if k.NoEffect != "" {
		text += " It is understood and has no effect: " + roff(k.NoEffect) + "."
	}
	return ".TP\n" + line + "\n" + text + "\n"
}

// TestManual: the page says what the table says.
func TestManual(t *testing.T) {
	page := manual()
	if *update {
		if err := os.WriteFile(manualFile, []byte(page), 0o644); err != nil { //nolint:gosec // a manual is no secret
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(manualFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(was) != page {
		t.Errorf("%s is not what the keywords are now: run go test ./config -update and look at the difference", manualFile)
	}
	for i := range Keywords {
		if k := &Keywords[i]; !strings.Contains(page, roff(k.Name)) {
			t.Errorf("%s is not in it", k.Path())
		}
	}
}

// TestManualIsRoff: the formatter has nothing to complain about.
func TestManualIsRoff(t *testing.T) {
	cmd := exec.Command("groff", "-man", "-Tutf8", "-ww", "-z", manualFile)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}
