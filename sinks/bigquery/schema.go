package bigquery

import (
	"slices"

	api "google.golang.org/api/bigquery/v2"
)

// schema is that of the tables that we create: the event's default JSON, with
// its ID and its time in front. Labels and the like have keys that anybody may choose, so that they are JSON
// and not columns: no key has to be made fit, none collides with another, and
// a new one changes no table.
func schema() []*api.TableFieldSchema {
	reference := []*api.TableFieldSchema{
		text("kind"), text("namespace"), text("name"), text("uid"), text("apiVersion"), text("resourceVersion"), text("fieldPath"),
	}
	object := slices.Concat(reference, []*api.TableFieldSchema{
		column("labels", "JSON"), column("annotations", "JSON"), column("ownerReferences", "JSON"),
		described(column("deleted", "BOOLEAN"), "the object was gone when it was looked up"),
	})
	return []*api.TableFieldSchema{
		described(text("id"), "UID and resourceVersion: the same for a repetition"),
		described(column("time", "TIMESTAMP"), "when the event last happened; the table is partitioned by it"),
		text("clusterName"),
		text("type"), text("reason"), text("message"), text("action"),
		described(column("count", "INTEGER"), "how often it has happened; newer reporters count in series"),
		column("firstTimestamp", "TIMESTAMP"), column("lastTimestamp", "TIMESTAMP"), column("eventTime", "TIMESTAMP"),
		record("series", column("count", "INTEGER"), column("lastObservedTime", "TIMESTAMP")),
		described(record("involvedObject", object...), "what the event is about"),
		record("related", reference...),
		record("source", text("component"), text("host")),
		text("reportingComponent"), text("reportingInstance"),
		described(record("metadata",
			text("name"), text("generateName"), text("namespace"), text("selfLink"), text("uid"), text("resourceVersion"),
			column("generation", "INTEGER"), column("creationTimestamp", "TIMESTAMP"), column("deletionTimestamp", "TIMESTAMP"),
			column("deletionGracePeriodSeconds", "INTEGER"),
			column("labels", "JSON"), column("annotations", "JSON"), column("ownerReferences", "JSON"), column("finalizers", "JSON"),
		), "of the event itself"),
		text("kind"), text("apiVersion"),
	}
}

func column(name, kind string) *api.TableFieldSchema {
	return &api.TableFieldSchema{Name: name, Type: kind}
}

func text(name string) *api.TableFieldSchema { return column(name, "STRING") }

func record(name string, fields ...*api.TableFieldSchema) *api.TableFieldSchema {
	return &api.TableFieldSchema{Name: name, Type: "RECORD", Fields: fields}
}

func described(c *api.TableFieldSchema, description string) *api.TableFieldSchema {
	c.Description = description
	return c
}

// misses are the columns that a table has not, or has with another type.
func misses(table, columns []*api.TableFieldSchema, prefix string) []string {
	var missing []string
	for _, c := range columns {
		i := indexOf(table, c.Name)
		if i < 0 || kindOf(table[i]) != c.Type || table[i].Mode == "REPEATED" {
			missing = append(missing, prefix+c.Name)
			continue
		}
		missing = append(missing, misses(table[i].Fields, c.Fields, prefix+c.Name+".")...)
	}
	return missing
}

func indexOf(columns []*api.TableFieldSchema, name string) int {
	return slices.IndexFunc(columns, func(c *api.TableFieldSchema) bool { return c.Name == name })
}
