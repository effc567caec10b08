//go:build js

package main

import (
	"errors"
	"syscall/js"
)

// promising returns a function for scripts, which runs do in a goroutine and returns a promise of its result.
func promising(do func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var run js.Func
		run = js.FuncOf(func(_ js.Value, settle []js.Value) any {
			run.Release()
			go func() {
				v, err := do(args)
				if err != nil {
					settle[1].Invoke(js.Global().Get("Error").New(err.Error()))
					return
				}
				settle[0].Invoke(v)
			}()
			return nil
		})
		return js.Global().Get("Promise").New(run)
	})
}

// await waits for a promise. It must not be called by a function that a script waits for.
func await(promise js.Value) (js.Value, error) {
	type result struct {
		v   js.Value
		err error
	}
	done := make(chan result, 1)
	kept := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- result{v: args[0]}
		return nil
	})
	broken := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- result{err: errors.New(args[0].Call("toString").String())}
		return nil
	})
	defer kept.Release()
	defer broken.Release()
	promise.Call("then", kept, broken)
	r := <-done
	return r.v, r.err
}
