package e2e

// mixedClusters are the wires of a cluster over Redis, and how each side is told to speak them.
var mixedClusters = []struct {
	name    string
	node    nodePeer
	connect connector
}{
	{"classic", nodePeer{Wire: "classic", Client: "redis"}, nil},
	{"sharded", nodePeer{Wire: "sharded", Client: "redis"}, nil},
	{"streams", nodePeer{Wire: "streams", Client: "redis"}, nil},
}
