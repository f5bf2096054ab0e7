// quiet.go -- the library's log, thrown away. What it calls a panic stays one.
package main

import "fmt"

type quiet struct{}

func (quiet) Debug(v ...interface{})                   {}
func (quiet) Debugf(format string, v ...interface{})   {}
func (quiet) Info(v ...interface{})                    {}
func (quiet) Infof(format string, v ...interface{})    {}
func (quiet) Warning(v ...interface{})                 {}
func (quiet) Warningf(format string, v ...interface{}) {}
func (quiet) Error(v ...interface{})                   {}
func (quiet) Errorf(format string, v ...interface{})   {}
func (quiet) Fatal(v ...interface{})                   { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(format string, v ...interface{})   { panic(fmt.Sprintf(format, v...)) }
func (quiet) Panic(v ...interface{})                   { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(format string, v ...interface{})   { panic(fmt.Sprintf(format, v...)) }
