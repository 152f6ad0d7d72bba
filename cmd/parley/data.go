package main

import (
	"log/slog"

	"parley/namespaces/disk"
)

// openData opens the file of --data. Without one it returns nil, which keeps nothing.
func openData(c *config, log *slog.Logger) (*disk.File, error) {
	switch {
	case c.redis.url != nil:
		return nil, nil
	case c.data == "":
		log.Info("all is in memory and gone after a restart; --data names a file that keeps it")
		return nil, nil
	}
	data, err := disk.Open(c.data, nil)
	if err != nil {
		log.Error("cannot open the data file", "flag", "--data", "error", err)
	}
	return data, err
}

// closeData is for the end, when nothing is served any more.
func closeData(data *disk.File, log *slog.Logger) {
	if err := data.Close(); err != nil {
		log.Error("cannot close the data file", "flag", "--data", "error", err)
	}
}
