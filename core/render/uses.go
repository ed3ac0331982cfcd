package render

// Uses says which metadata of the involved object something can see. What is
// not seen by anything need not be looked up. It errs to true.
type Uses struct{ Labels, Annotations, OwnerReferences, Deleted bool }

// Any reports whether any of them is seen.
func (u Uses) Any() bool { return u != Uses{} }

// Merge is what u or v can see.
func (u Uses) Merge(v Uses) Uses {
	return Uses{
		Labels:          u.Labels || v.Labels,
		Annotations:     u.Annotations || v.Annotations,
		OwnerReferences: u.OwnerReferences || v.OwnerReferences,
		Deleted:         u.Deleted || v.Deleted,
	}
}

var everything = Uses{Labels: true, Annotations: true, OwnerReferences: true, Deleted: true}
