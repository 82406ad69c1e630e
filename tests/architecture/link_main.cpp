// That this program links is the test: see CMakeLists.txt.
int main() {}
