// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTable: what the data plane has is passed on as it came, and that nobody knows is said.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		table  func(context.Context) ([]byte, error)
		status int
		want   string
	}{
		{nil, http.StatusNotFound, "nobody here knows"},
		{func(context.Context) ([]byte, error) { return []byte(`{"text":"-A"}`), nil }, http.StatusOK, `"text": "-A"`},
		{func(context.Context) ([]byte, error) { return nil, errors.New("it is away") }, http.StatusServiceUnavailable, "it is away"},
	} {
		s := New(nil, Options{Table: c.table})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/ipvs", nil))
		body := strings.ReplaceAll(w.Body.String(), `":"`, `": "`)
		if w.Code != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%d %s, want %d with %s", w.Code, body, c.status, c.want)
		}
	}
}
