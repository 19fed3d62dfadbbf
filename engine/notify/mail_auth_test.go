// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/vigild/vigild/engine/event"
)

// The one account of the mail server, and what it says to who asks.
const (
	rightUser, rightPassword = "vigil", "right"
	cramChallenge            = "<1896.697170952@mx.test>"
	scramSalt, scramRounds   = "W22ZaJ0SNY7soEsUEjb6gQ==", 4096
)

// examination is the server's side of a mechanism: each answer of the client
// leads to the next question, or to the end.
type examination struct {
	step  int
	ask   func(step int, answer []byte) (question []byte, over, right bool)
	judge func(right bool) error
}

func (x *examination) Next(answer []byte) ([]byte, bool, error) {
	question, over, right := x.ask(x.step, answer)
	x.step++
	if !over {
		return question, false, nil
	}
	return nil, true, x.judge(right)
}

// exam is the server's side of a mechanism; judge is told whether it was right.
func exam(mechanism string, judge func(right bool) error) sasl.Server {
	x := &examination{judge: judge}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, pass string) error { return judge(user == rightUser && pass == rightPassword) })
	case sasl.Login:
		user := ""
		x.ask = func(step int, answer []byte) ([]byte, bool, bool) {
			switch step {
			case 0:
				return []byte("Username:"), false, false
			case 1:
				user = string(answer)
				return []byte("Password:"), false, false
			}
			return nil, true, user == rightUser && string(answer) == rightPassword
		}
	case "CRAM-MD5": // RFC 2195
		x.ask = func(step int, answer []byte) ([]byte, bool, bool) {
			if step == 0 {
				return []byte(cramChallenge), false, false
			}
			h := hmac.New(md5.New, []byte(rightPassword))
			h.Write([]byte(cramChallenge))
			return nil, true, string(answer) == rightUser+" "+hex.EncodeToString(h.Sum(nil))
		}
	case "SCRAM-SHA-1":
		x.ask = scram(sha1.New)
	case "SCRAM-SHA-256":
		x.ask = scram(sha256.New)
	}
	return x
}

// scram is the server's side of RFC 5802 section 3.
func scram(newHash func() hash.Hash) func(int, []byte) ([]byte, bool, bool) {
	var first, question string
	mac := func(key []byte, text string) []byte {
		h := hmac.New(newHash, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	proved := false
	return func(step int, answer []byte) ([]byte, bool, bool) {
		switch step {
		case 0:
			if len(answer) == 0 {
				return []byte{}, false, false
			}
			fallthrough
		case 1:
			if first == "" {
				_, first, _ = strings.Cut(string(answer), ",,")
				_, nonce, _ := strings.Cut(first, ",r=")
				question = "r=" + nonce + "server,s=" + scramSalt + ",i=4096"
				return []byte(question), false, false
			}
			fallthrough
		case 2:
			if proved {
				return nil, true, true
			}
			without, proof, _ := strings.Cut(string(answer), ",p=")
			salt, _ := base64.StdEncoding.DecodeString(scramSalt)
			salted, err := pbkdf2.Key(newHash, rightPassword, salt, scramRounds, newHash().Size())
			if err != nil {
				return nil, true, false
			}
			all := first + "," + question + "," + without
			client := mac(salted, "Client Key")
			h := newHash()
			h.Write(client)
			signature := mac(h.Sum(nil), all)
			subtle.XORBytes(client, client, signature)
			if proof != base64.StdEncoding.EncodeToString(client) || !strings.HasPrefix(first, "n="+rightUser+",") {
				return nil, true, false
			}
			proved = true
			return []byte("v=" + base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), all))), false, false
		}
		return nil, true, proved
	}
}

// Each mechanism is found by itself, or is the one that is named; a wrong password
// is refused and a server that has not got the named one is not sent it by another.
func TestMailAuthMechanisms(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"} {
		for _, c := range []struct{ name, auth, password, want string }{
			{"found", "", rightPassword, "notify.sent smtp  1 "},
			{"named", strings.ToLower(mechanism), rightPassword, "notify.sent smtp  1 "},
			{"wrong password", "", "wrong", "notify.failed smtp  1 auth"},
		} {
			t.Run(mechanism+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				conf, ca := authority(t)
				p := post{auth: true, mechanism: mechanism, tls: conf}
				p.serve(t, false)
				set := p.settings()
				set.SMTP.TLS, set.SMTP.CAFile = TLSStartTLS, ca
				set.SMTP.User, set.SMTP.Password, set.SMTP.Auth = rightUser, c.password, c.auth
				var pub published
				m := mailer(t, set, &pub)
				m.Events([]event.Event{state(1, event.Backup, event.Master, event.Preempt)})
				closed(t, m)
				wantLines(t, pub.words()[:1], c.want)
				if got := p.taken(); (len(got) == 1) != (c.password == rightPassword) || len(got) == 1 && (got[0].user != rightUser || !got[0].secure) {
					t.Errorf("taken: %+v", got)
				}
			})
		}
	}
	conf, ca := authority(t)
	p := post{auth: true, tls: conf}
	p.serve(t, false)
	set := p.settings()
	set.SMTP.TLS, set.SMTP.CAFile, set.SMTP.User, set.SMTP.Password, set.SMTP.Auth = TLSStartTLS, ca, rightUser, rightPassword, "cram-md5"
	var pub published
	m := mailer(t, set, &pub)
	m.Events([]event.Event{state(1, event.Backup, event.Master, event.Preempt)})
	closed(t, m)
	wantLines(t, pub.words()[:1], "notify.failed smtp  1 auth")
	if _, err := NewMailer(&Settings{SMTP: SMTPSettings{Auth: "ntlm"}}, Options{}); err == nil || !bytes.Contains([]byte(err.Error()), []byte("ntlm")) {
		t.Errorf("an unknown mechanism: %v", err)
	}
}
