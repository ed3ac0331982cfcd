package bench

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
)

// bulk answers as Elasticsearch's bulk API does and keeps nothing. It works on
// the same two cores as what is measured.
type bulk struct {
	*httptest.Server
	events atomic.Int64
}

func newBulk() *bulk {
	b := &bulk{}
	b.Server = httptest.NewServer(http.HandlerFunc(b.answer))
	return b
}

func (b *bulk) reset() { b.events.Store(0) }

func (b *bulk) received(want int) error {
	if got := int(b.events.Load()); got != want {
		return fmt.Errorf("%d events were received, want %d", got, want)
	}
	return nil
}

func (b *bulk) answer(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	lines := 0
	for r := bufio.NewReaderSize(body, 64<<10); ; {
		_, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			break
		}
		lines++
	}
	b.events.Add(int64(lines / 2))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	item := `{"create":{"status":201}}`
	_, _ = fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, strings.TrimSuffix(strings.Repeat(item+",", lines/2), ","))
}
