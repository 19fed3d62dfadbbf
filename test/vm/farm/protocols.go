// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Body is what a server that is Fine answers to GET of any page but /name, which
// is its name.
const Body = "all is well\n"

// HTTP listens for HTTP/1.0 and 1.1.
func (s *Server) HTTP(number int) {
	s.add(&port{network: "tcp", number: number, talk: s.web})
}

// HTTPS is HTTP with TLS and a certificate.
func (s *Server) HTTPS(number int, cert tls.Certificate) {
	s.add(&port{network: "tcp", number: number, talk: s.web, tls: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}})
}

func (s *Server) web(c net.Conn, m Manner) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body := Body
		if req.URL.Path == "/name" {
			body = s.Host + "\n"
		}
		status := "200 OK"
		switch m {
		case Wrong:
			status = "503 Service Unavailable"
		case Other:
			body = "all is otherwise\n"
		case Endless:
			endless(c, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")
			return
		case Fine, Refuses, Deaf, Resets, Hangs, Closes, Garbage, Late:
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body); err != nil {
			return
		}
		if req.Close || req.ProtoMinor == 0 {
			return
		}
	}
}

// endless writes until nobody wants more, and leaves the machine, which is
// everybody's, some time between.
func endless(c net.Conn, first string) {
	if _, err := c.Write([]byte(first)); err != nil {
		return
	}
	chunk := []byte(strings.Repeat("and on and on ", 1000))
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if _, err := c.Write(chunk); err != nil {
			tick.Stop()
			return
		}
	}
}

// Echo listens for TCP and sends back what it gets, line by line, with its name
// in front.
func (s *Server) Echo(number int) {
	s.add(&port{network: "tcp", number: number, talk: func(c net.Conn, m Manner) {
		if m == Endless {
			endless(c, "")
			return
		}
		for lines := bufio.NewScanner(c); lines.Scan(); {
			if _, err := fmt.Fprintf(c, "%s %s\n", s.Host, lines.Text()); err != nil {
				return
			}
		}
	}})
}

// UDP listens for datagrams and sends each back with its name in front.
func (s *Server) UDP(number int) {
	s.add(&port{network: "udp", number: number, answer: func(b []byte, m Manner) []byte {
		switch m {
		case Fine, Late, Endless:
			return append([]byte(s.Host+" "), b...)
		case Wrong, Other, Garbage:
			return []byte("\x00\xffnonsense")
		case Refuses, Deaf, Resets, Hangs, Closes:
		}
		return nil
	}})
}

// DNS listens for questions and has an empty answer to each: NOERROR, or SERVFAIL
// when it is Wrong.
func (s *Server) DNS(number int) {
	s.add(&port{network: "udp", number: number, answer: func(b []byte, m Manner) []byte {
		if len(b) < 12 {
			return nil
		}
		reply := append([]byte(nil), b...)
		reply[2], reply[3] = 0x81, 0x80 // an answer, with recursion
		switch m {
		case Wrong:
			reply[3] |= 2
		case Other:
			reply[0]++ // to another question
		case Garbage:
			return []byte("\x00\xffnonsense")
		case Fine, Late, Endless:
		case Refuses, Deaf, Resets, Hangs, Closes:
			return nil
		}
		return reply
	}})
}

// SMTP listens for mail and takes none.
func (s *Server) SMTP(number int) {
	s.add(&port{network: "tcp", number: number, talk: func(c net.Conn, m Manner) {
		greeting := "220 " + s.Host + " ESMTP\r\n"
		switch m {
		case Wrong:
			greeting = "554 go away\r\n"
		case Endless:
			endless(c, "220-")
			return
		case Fine, Other, Refuses, Deaf, Resets, Hangs, Closes, Garbage, Late:
		}
		if _, err := c.Write([]byte(greeting)); err != nil {
			return
		}
		for lines := bufio.NewScanner(c); lines.Scan(); {
			reply := "250 ok\r\n"
			if strings.HasPrefix(strings.ToUpper(lines.Text()), "QUIT") {
				reply = "221 bye\r\n"
			}
			if _, err := c.Write([]byte(reply)); err != nil || reply[0] == '2' && reply[2] == '1' {
				return
			}
		}
	}})
}
