package bigquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	api "google.golang.org/api/bigquery/v2"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// otherColumns are the columns of the table, which is looked at once; none if
// rows can go there as they are encoded. A table that is missing and may be
// created is created.
func (s *sink) otherColumns(ctx context.Context, client service) ([]*api.TableFieldSchema, error) {
	if !s.config.Payload.Layout.IsZero() {
		return nil, nil
	}
	if known := s.other.Load(); known != nil {
		return *known, nil
	}
	table, err := client.Tables.Get(s.config.Project, s.config.Dataset, s.config.Table).Fields("schema").Context(ctx).Do()
	switch {
	case isStatus(err, http.StatusNotFound) && s.config.CreateTable:
		if err := s.createTable(ctx, client); err != nil {
			return nil, fmt.Errorf("create the table: %w", gcpclient.NotTheRecord(s.client.Explain(ctx, err)))
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at the table: %w", gcpclient.NotTheRecord(s.client.Explain(ctx, err)))
	}
	var columns []*api.TableFieldSchema
	if table.Schema != nil {
		columns = table.Schema.Fields
	}
	missing := misses(columns, s.columns, "")
	switch {
	case len(missing) == 0:
		columns = nil
	case !slices.ContainsFunc(columns, func(c *api.TableFieldSchema) bool { return indexOf(s.columns, c.Name) >= 0 }):
		return nil, sinks.Stop(errors.New("the table has no column for anything that an event has"))
	default:
		s.log.Warn("the table is not one that packetboat created: events are made fit for its columns",
			"table", s.config.Table, "different", missing)
	}
	s.other.Store(&columns)
	return columns, nil
}

// createTable creates the table, and the dataset if that is missing too. Another
// receiver may do the same at the same time.
func (s *sink) createTable(ctx context.Context, client service) error {
	err := s.insertTable(ctx, client)
	if !isStatus(err, http.StatusNotFound) {
		return err
	}
	if err := s.insertDataset(ctx, client); err != nil {
		return err
	}
	return s.insertTable(ctx, client)
}

func (s *sink) insertTable(ctx context.Context, client service) error {
	_, err := client.Tables.Insert(s.config.Project, s.config.Dataset, &api.Table{
		TableReference:   &api.TableReference{ProjectId: s.config.Project, DatasetId: s.config.Dataset, TableId: s.config.Table},
		Description:      "Kubernetes events, written by packetboat",
		Schema:           &api.TableSchema{Fields: s.columns},
		TimePartitioning: &api.TimePartitioning{Type: "DAY", Field: "time"},
	}).Context(ctx).Do()
	return unlessThere(err)
}

func (s *sink) insertDataset(ctx context.Context, client service) error {
	_, err := client.Datasets.Insert(s.config.Project, &api.Dataset{
		DatasetReference: &api.DatasetReference{ProjectId: s.config.Project, DatasetId: s.config.Dataset},
		Location:         s.config.location(),
	}).Context(ctx).Do()
	return unlessThere(err)
}

func unlessThere(err error) error {
	if isStatus(err, http.StatusConflict) {
		return nil
	}
	return err
}
