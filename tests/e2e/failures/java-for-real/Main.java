import java.io.*;

class Main {
	static void load() {
		try {
			new FileInputStream("wine.csv");
		} catch (IOException e) {
			throw new UncheckedIOException("cannot load", e);
		}
	}

	public static void main(String[] args) {
		try {
			load();
		} catch (UncheckedIOException e) {
			throw new IllegalStateException("cannot fit", e);
		}
	}
}
