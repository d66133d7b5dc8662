raise RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at some other API call")
