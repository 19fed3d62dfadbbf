// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// endless is the time limit unless one is given: the kernel gives up sooner.
const endless = time.Hour

// options are what the command line says.
type options struct {
	tls, sni, verbose bool
	server            netip.Addr
	port              uint16
	url, host         string
	// minor is that of the protocol, HTTP/1.minor; closing asks the server to
	// close the connection.
	minor   byte
	closing bool
	mark    uint32
	timeout time.Duration
}

// option is one option of the command line.
type option struct {
	short byte
	long  string
	arg   string // "" for an option without argument
	help  string
	set   func(o *options, v string) error
}

func flag(of func(*options) *bool) func(*options, string) error {
	return func(o *options, _ string) error { *of(o) = true; return nil }
}

// table lists the options in the order of the help.
var table = []option{
	{'S', "use-ssl", "", "speak TLS", flag(func(o *options) *bool { return &o.tls })},
	{'I', "use-sni", "", "tell TLS the name of -V", flag(func(o *options) *bool { return &o.sni })},
	{'s', "server", "ADDRESS", "the server", setServer},
	{'p', "port", "PORT", "its port", setPort},
	{'u', "url", "PATH", "the page", func(o *options, v string) error { o.url = v; return nil }},
	{'V', "use-virtualhost", "HOST", "what the Host header says, instead of address and port", func(o *options, v string) error { o.host = v; return nil }},
	{'v', "verbose", "", "print header, body and time too", flag(func(o *options) *bool { return &o.verbose })},
	{'h', "help", "", "print this", nil},
	{'m', "fwmark", "MARK", "the firewall mark of the packets", setMark},
	{'P', "protocol", "VERSION", "of HTTP: 1.0, 1.1, or 1.0c, which is 1.0 with Connection: close", setProtocol},
	{'t', "timeout", "SECONDS", "the most that connecting, and each wait for the server, may take", setTimeout},
}

func setServer(o *options, v string) (err error) {
	if o.server, err = netip.ParseAddr(v); err != nil || o.server.Zone() != "" {
		return fmt.Errorf("server should be an IP, not %s", v)
	}
	return nil
}

func setPort(o *options, v string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(v, "+"), 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("invalid port number '%s'", v)
	}
	o.port = uint16(n)
	return nil
}

// setMark. compat: a mark beyond 32 bits loses the bits above.
func setMark(o *options, v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return fmt.Errorf("invalid fwmark '%s'", v)
	}
	o.mark = uint32(n)
	return nil
}

func setProtocol(o *options, v string) error {
	switch v {
	case "1.0":
		o.minor, o.closing = '0', false
	case "1.0c", "1.0C":
		o.minor, o.closing = '0', true
	case "1.1":
		o.minor, o.closing = '1', true
	default:
		return fmt.Errorf("invalid HTTP protocol version '%s'", v)
	}
	return nil
}

func setTimeout(o *options, v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return fmt.Errorf("invalid timeout '%s'", v)
	}
	o.timeout = time.Duration(min(n, uint64(endless/time.Second))) * time.Second
	return nil
}

// usageError is a command line that cannot be followed. said are the messages
// before the help, which comes alone if there are none.
type usageError struct{ said []string }

func (e *usageError) Error() string { return strings.Join(e.said, "; ") }

// parse reads a command line as getopt_long(3) does. compat: an unknown option
// is told and the next one read, a value that is none ends it.
func parse(args []string) (options, error) {
	o := options{minor: '0', timeout: endless}
	var said, words []string
	bad := func(err error) (options, error) { return o, &usageError{append(said, err.Error())} }
	unknown := func(opt string) { said = append(said, "Unknown option "+opt) }
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
			words, args = append(words, args...), nil
		case strings.HasPrefix(a, "--"):
			name, v, attached := strings.Cut(a[2:], "=")
			opt := findLong(name)
			if opt == nil || attached && opt.arg == "" || !attached && opt.arg != "" && len(args) == 0 {
				unknown(a)
				continue
			}
			if opt.arg != "" && !attached {
				v, args = args[0], args[1:]
			}
			if opt.set == nil {
				return o, &usageError{said}
			}
			if err := opt.set(&o, v); err != nil {
				return bad(err)
			}
		case len(a) > 1 && a[0] == '-':
			rest, err := o.short(a[1:], args, unknown)
			if err != nil {
				return bad(err)
			}
			if args = rest; rest == nil {
				return o, &usageError{said}
			}
		default:
			words = append(words, a)
		}
	}
	if len(words) > 0 {
		said = append(said, "Unexpected argument(s): "+strings.Join(words, " "))
	}
	if len(said) > 0 || !o.server.IsValid() || o.port == 0 || o.url == "" {
		return o, &usageError{said}
	}
	return o, nil
}

// short reads options that stand together; what it returns is nil for -h.
func (o *options) short(text string, rest []string, unknown func(string)) ([]string, error) {
	if rest == nil {
		rest = []string{}
	}
	for text != "" {
		c := text[0]
		text = text[1:]
		i := slices.IndexFunc(table, func(t option) bool { return t.short == c })
		if i < 0 {
			unknown("-" + string(rune(c)))
			continue
		}
		if table[i].set == nil {
			return nil, nil
		}
		v := ""
		if table[i].arg != "" {
			if v, text = text, ""; v == "" {
				if len(rest) == 0 {
					unknown("-" + string(rune(c)))
					break
				}
				v, rest = rest[0], rest[1:]
			}
		}
		if err := table[i].set(o, v); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

// findLong finds the option of that name, or the only one that begins so.
func findLong(name string) (found *option) {
	for i := range table {
		switch {
		case table[i].long == name:
			return &table[i]
		case name == "" || !strings.HasPrefix(table[i].long, name):
		case found != nil:
			return nil
		default:
			found = &table[i]
		}
	}
	return found
}

// usage is the help.
func usage(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [OPTION...] -s ADDRESS -p PORT -u PATH\n\nPrints the digest of a page, for digest in HTTP_GET and SSL_GET.\n\n", name)
	for _, t := range table {
		fmt.Fprintf(&b, "  -%c, --%-26s %s\n", t.short, strings.TrimSpace(t.long+" "+t.arg), t.help)
	}
	return b.String()
}
