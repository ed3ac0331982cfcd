package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed static
var embedded embed.FS

// status is what /status.json answers.
type status struct {
	Snapshot
	Live  Check `json:"live"`
	Ready Check `json:"ready"`
}

// addPage adds the status page and what it asks for. Only these can tell text of
// events, so that only these look at the name they were reached by.
func addPage(mux *http.ServeMux, o Options) {
	files, err := fs.Sub(embedded, "static")
	if err != nil {
		panic(err) // only for a name that is no path, and this one is fixed
	}
	serve := http.FileServerFS(files)
	hosts := newHosts(o.StatusHosts)
	mux.Handle("GET /{$}", hosts.only(serve))
	mux.Handle("GET /static/", hosts.only(http.StripPrefix("/static", serve)))
	mux.Handle("GET /status.json", hosts.only(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		health := o.Health()
		writeJSON(w, http.StatusOK, status{o.Status.Snapshot(), health.Live, health.Ready})
	})))
	mux.Handle("POST /explain", hosts.only(&explainer{provider: o.Status}))
}
