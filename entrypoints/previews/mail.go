package main

import (
	"bytes"
	"errors"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
)

func readMail(payload []byte) (message, error) {
	m, err := mail.ReadMessage(bytes.NewReader(payload))
	if err != nil {
		return message{}, err
	}
	var out message
	for _, name := range []string{"From", "To", "Date", "Subject"} {
		value, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
		if err != nil {
			return out, err
		}
		out.Fields = append(out.Fields, field{name, value})
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return out, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		body, err := io.ReadAll(p)
		if err != nil {
			return out, err
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			// A frame without rights cannot say how high its page is.
			out.Height = 60 + 80*bytes.Count(body, []byte("<tr>")) + 60*bytes.Count(body, []byte("<h3>"))
			out.Frame = template.HTMLAttr(`srcdoc="` + template.HTMLEscapeString(string(body)) + `"`) //nolint:gosec // it is escaped
		}
	}
}
