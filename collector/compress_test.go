// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0, *": false,
		"*": true, "*;q=0": false, "identity": false, "br, gzip ;q=1": true, "gzip;q=nonsense": false, "gzippy": false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: %t, want %t", header, got, want)
		}
	}
}

// TestCompressed: the same bytes come with and without compression, page after page with the same writer, and a
// response without a body has none.
func TestCompressed(t *testing.T) {
	page := strings.Repeat("vigil_real_server_up{real_server=\"192.0.2.1:80\"} 1\n", 1000)
	s := httptest.NewServer(compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Length", "51000")
		_, _ = io.WriteString(w, page)
	})))
	defer s.Close()
	get := func(path, accept string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", accept)
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for range 3 {
		res, body := get("/", "gzip")
		if res.Header.Get("Content-Encoding") != "gzip" || len(body) > len(page)/20 {
			t.Fatalf("%d bytes, %v", len(body), res.Header)
		}
		z, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != page {
			t.Fatalf("%d bytes came out: %v", len(text), err)
		}
	}
	if res, body := get("/", "identity"); res.Header.Get("Content-Encoding") != "" || body != page || res.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%d bytes, %v", len(body), res.Header)
	}
	if res, body := get("/none", "gzip"); res.StatusCode != http.StatusNoContent || body != "" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%s, %d bytes, %v", res.Status, len(body), res.Header)
	}
}
