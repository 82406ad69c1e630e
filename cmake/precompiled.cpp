// What a set of precompiled headers needs: a file that is compiled with it (Precompiled.cmake).
