package app

import (
	"io"
	"log/slog"

	"github.com/packetboat/packetboat/core/config"
)

// LogFormat is how a line of the log looks.
type LogFormat string

// The formats; any other is LogText.
const (
	LogText   LogFormat = "pretty"
	LogJSON   LogFormat = "json"
	LogGoogle LogFormat = "google" // JSON with the names that Google's Cloud Logging reads
)

// logFormat is the caller's, else the configuration's.
func logFormat(o Options, c *config.Config) LogFormat {
	if o.LogFormat != "" {
		return o.LogFormat
	}
	return LogFormat(c.LogFormat)
}

// newLogger writes to w, which is never where the stdout receiver writes.
func newLogger(w io.Writer, format LogFormat, level slog.Level) *slog.Logger {
	if w == nil {
		w = io.Discard
	}
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case LogJSON:
		return slog.New(slog.NewJSONHandler(w, options))
	case LogGoogle:
		options.ReplaceAttr = googleNames
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// googleNames turns slog's level and msg into Cloud Logging's severity and
// message; without them every line would be of severity DEFAULT.
func googleNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		a.Key = "severity"
		level, _ := a.Value.Any().(slog.Level)
		a.Value = slog.StringValue(severity(level))
	}
	return a
}

func severity(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARNING"
	case level >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}
