package software

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxJSONItems bounds the elements of one list in a file.
const maxJSONItems = 20_000

// jsonItems calls visit with the elements of the array, or the members of the object, that
// is found under keys in a JSON document, one at a time: a small text of many empty
// elements would fill memory when decoded whole. The document may lack the keys.
func jsonItems(document io.Reader, visit func(key string, value json.RawMessage) error, keys ...string) error {
	dec := json.NewDecoder(document)
	open, err := dec.Token()
	for _, key := range keys {
		if err != nil || open != json.Delim('{') {
			return err
		}
		if found, err := seek(dec, key); err != nil || !found {
			return err
		}
		open, err = dec.Token()
	}
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return err
	}
	for n := 0; dec.More(); n++ {
		if n == maxJSONItems {
			return fmt.Errorf("more than %d items in one list", maxJSONItems)
		}
		key := ""
		if open == json.Delim('{') {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			key, _ = name.(string)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := visit(key, value); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the end, or else why there is no more
	return err
}

// seek reads an object's members up to the value of the one wanted.
func seek(dec *json.Decoder, want string) (found bool, err error) {
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return false, err
		}
		if key == want {
			return true, nil
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return false, err
		}
	}
	_, err = dec.Token() // the end, or else why there is no more
	return false, err
}

// decode fills v from JSON. Of what has another type than is expected it fills the rest:
// strangers write an object where a text is meant, and what else they say still counts.
func decode(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		return nil
	}
	return err
}
